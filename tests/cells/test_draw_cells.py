"""Several cells on one page: each with its letter and title, one legend, as in the supplement."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from bnas.cells.draw import (
    CellPicture,
    DrawError,
    Drawing,
    draw_cells,
    layout,
    layout_cells,
)
from bnas.cells.draw.legend import LEGEND
from bnas.cells.errors import SpecError
from bnas.cells.family import spec
from bnas.cells.genotype import Genotype
from bnas.cells.genotype import genotypes as published

FIGURE_1 = (
    CellPicture(spec("XNOR-ResNet-18"), title="XNOR-Net"),
    CellPicture(spec("BNAS-A"), skip="both", title="BNAS"),
)
FIGURE_2 = (
    CellPicture(published["bnas-cifar10"], skip="both", title="BNAS Normal Cell"),
    CellPicture(spec("DARTS-V2"), title="Binarized DARTS Normal Cell"),
)
MINE = Genotype(normal=[("none", 0), ("none", 1)], reduce=[("none", 1)] * 2, concat=(2,))


def texts(drawing: Drawing) -> Counter[str]:
    return Counter(label.text for label in drawing.labels)


def left_of_titles(drawing: Drawing) -> dict[str, tuple[float, float]]:
    return {label.text: (label.x, label.y) for label in drawing.labels if label.bold}


@pytest.mark.parametrize("pictures", [FIGURE_1, FIGURE_2])
def test_the_page_holds_every_cell_as_it_is_drawn_alone(pictures: tuple[CellPicture, ...]) -> None:
    page = layout_cells(pictures)
    for letter, picture in zip("ab", pictures, strict=True):
        alone = layout(picture.spec_or_genotype, skip=picture.skip)
        kinds = {(box.name, box.label, box.tone) for box in alone.boxes if box.name != LEGEND}
        assert {
            (box.name.removeprefix(f"{letter} "), box.label, box.tone)
            for box in page.boxes
            if box.name.startswith(f"{letter} ")
        } == kinds
        lines = [
            (line.source, line.target, line.slot, line.dotted, line.skip) for line in alone.lines
        ]
        assert Counter(line for line in lines if line[0] != LEGEND) == Counter(
            (
                line.source.removeprefix(f"{letter} "),
                line.target.removeprefix(f"{letter} "),
                line.slot,
                line.dotted,
                line.skip,
            )
            for line in page.lines
            if line.source.startswith(f"{letter} ")
        )


def test_cells_have_letters_titles_and_one_legend() -> None:
    page = layout_cells(FIGURE_1, title="Figure 1")
    assert list(left_of_titles(page)) == ["(a) XNOR-Net", "(b) BNAS", "Figure 1"]
    assert page.title == "Figure 1"
    said = texts(page)
    assert said["binary convolution"] == said["inter-cell skip connection"] == said["sum"] == 1
    assert said["dilated binary convolution"] == said["Zeroise: puts out zeros"] == 1
    left, right = page.box("a c(k)"), page.box("b c(k)")
    assert left.x < right.x
    assert "(a) XNOR-Net: c(k) = 3×3 binary conv" in page.description
    assert "(b) BNAS: node 0 = " in page.description
    assert layout_cells(FIGURE_1).title == "(a) XNOR-Net; (b) BNAS"


def test_cells_of_a_row_begin_and_end_at_the_same_height() -> None:
    page = layout_cells(FIGURE_2)
    for name in ("c(k-2)", "c(k-1)", "c(k)"):
        assert math.isclose(page.box(f"a {name}").y, page.box(f"b {name}").y)


def test_a_wide_row_is_broken_and_columns_say_where() -> None:
    cells = [spec("DARTS-V2")] * 4
    places = left_of_titles(layout_cells(cells))
    rows = Counter(y for _, y in places.values())
    assert list(rows.values()) == [2, 2]
    (first, _), *_ = places.values()
    assert places["(c) DARTS-V2: normal cell"][0] == first
    assert places["(c) DARTS-V2: normal cell"][1] < places["(b) DARTS-V2: normal cell"][1]
    one_a_row = left_of_titles(layout_cells(cells, columns=1))
    assert len({y for _, y in one_a_row.values()}) == 4
    assert layout_cells(cells, columns=4).width > layout_cells(cells).width


def test_a_title_that_is_made_names_owner_kind_and_pruning() -> None:
    page = layout_cells(
        [
            published["darts-v2"],
            CellPicture(spec("BNAS-D"), reduction=True, pruned=True),
            CellPicture(spec("Bi-Real-18"), reduction=True),
            CellPicture(MINE),
            CellPicture(MINE, owner="found\nhere", reduction=True),
        ]
    )
    assert list(left_of_titles(page)) == [
        "(a) darts-v2: normal cell",
        "(b) BNAS-D: reduction cell (pruned)",
        "(c) Bi-Real-18: down-sampling block",
        "(d) Normal cell",
        "(e) found here: reduction cell",
    ]


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_cells_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    one, other = (tmp_path / f"{name}{suffix}" for name in ("one", "other"))
    assert draw_cells(FIGURE_2, one) == one
    draw_cells(list(FIGURE_2), str(other))
    assert one.read_bytes() == other.read_bytes()
    assert one.read_bytes() != draw_cells(FIGURE_1, other).read_bytes()


def test_svg_of_two_cells_has_unique_identities(tmp_path: Path) -> None:
    root = ET.parse(draw_cells(FIGURE_2, tmp_path / "figure.svg")).getroot()
    names = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(names) == len(set(names))
    assert {"a-c-k-2-to-a-output", "b-c-k-2-to-b-ops.0"} <= set(names)
    said = " ".join(root.itertext())
    assert "(a) BNAS Normal Cell" in said
    assert "(b) Binarized DARTS Normal Cell" in said


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    for cells, told in (([], "got 0"), ([MINE] * 27, "got 27")):
        with pytest.raises(DrawError, match=rf"`cells` must be 1 to 26 cells.*{told}"):
            layout_cells(cells)
    with pytest.raises(DrawError, match=r"`columns` must be at least 1 \(got 0\)"):
        layout_cells([MINE], columns=0)
    with pytest.raises(DrawError, match=r"has no such picture \(got FloatTwin\)"):
        draw_cells([spec("BNAS-A.float")], tmp_path / "x.svg")
    with pytest.raises(SpecError, match="`skip` must be one of"):
        CellPicture(MINE, skip="all")
    with pytest.raises(DrawError, match=r"\.svg, \.png"):
        draw_cells([MINE], tmp_path / "x.pdf")
    assert not list(tmp_path.iterdir())
