"""Pages, legends and picture files: what they say, and that a file is whole or not there."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import attrs
import matplotlib
import pytest

from bnas.cells.draw import DrawError, Drawing, draw_cell, draw_spec, layout, layout_spec
from bnas.cells.errors import CellsError, SpecError
from bnas.cells.family import spec
from bnas.cells.genotype import Genotype
from bnas.cells.genotype import genotypes as published
from bnas.cells.primitives import PRIMITIVES
from bnas.cells.spec import NetworkSpec

SVG = "{http://www.w3.org/2000/svg}"

DENSE = Genotype(
    normal=[(op, (3 * i) % (2 + i // 2)) for i, op in enumerate(list(PRIMITIVES) * 2)],
    reduce=[(op, (5 * i) % (2 + i // 2)) for i, op in enumerate(list(PRIMITIVES)[::-1] * 2)],
    concat=(8, 2, 5, 4),
)
EMPTY = Genotype(normal=[("none", 0), ("none", 1)], reduce=[("none", 1), ("none", 1)], concat=(2,))


def texts(drawing: Drawing) -> list[str]:
    return [label.text for label in drawing.labels]


def test_a_page_names_the_network_its_cells_and_channels() -> None:
    drawing = layout_spec(spec("BNAS-A", num_classes=100))
    assert drawing.title == "BNAS-A"
    facts = next(text for text in texts(drawing) if "template" in text)
    assert facts == (
        "CIFAR template · 20 cells · 36 channels · cells 6 and 13 reduce · skips from c(k−1) "
        "· 100 classes"
    )
    assert {"Normal cell", "Reduction cell"} <= set(texts(drawing))
    assert drawing.box("normal ops.1") != drawing.box("reduction ops.1")
    one = layout_spec(NetworkSpec(genotype=EMPTY, num_cells=1, skip="none"), title="Mine")
    assert one.title == "Mine"
    assert "1 cell · 24 channels · cell 0 reduces · no skips" in " ".join(texts(one))


@pytest.mark.parametrize(
    ("drawn", "title"),
    [
        (spec("BNAS-D"), "BNAS-D: reduction cell"),
        (published["bnas-imagenet"], "bnas-imagenet: reduction cell"),
        (DENSE, "Reduction cell"),
    ],
)
def test_a_cell_is_titled_after_its_owner(drawn: NetworkSpec | Genotype, title: str) -> None:
    assert layout(drawn, reduction=True).title == title
    assert layout(drawn, reduction=True, title="Other").title == "Other"
    assert any("pruned" in text for text in texts(layout(drawn, pruned=True)))


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    plain = texts(layout(published["bnas-cifar10"]))
    assert {"Zeroise: puts out zeros", "from c(k−2)", "inter-cell skip connection", "sum"} <= {
        *plain
    }
    assert "max pool" not in plain
    pruned = texts(layout(published["bnas-cifar10"], pruned=True, skip="none"))
    assert not {"Zeroise: puts out zeros", "inter-cell skip connection", "sum"} & set(pruned)


def test_the_description_says_the_cell_in_words() -> None:
    assert layout(published["bnas-cifar10"], pruned=True).description == (
        "c(k) = concat(3×3 dilated binary conv, d=2 of c(k-2), 3×3 binary conv of c(k-1), 0, 0) "
        "+ c(k-1) (skip connection)"
    )
    assert layout(published["bnas-imagenet"], reduction=True).description.startswith(
        "node 0 = 3×3 max pool /2 of c(k-2) + 3×3 max pool /2 of c(k-1); "
        "node 1 = 3×3 max pool /2 of c(k-2) + 3×3 binary conv of node 0; "
    )


# Files


def test_svg_holds_text_as_text_title_and_description(tmp_path: Path) -> None:
    path = draw_spec(spec("BNAS-A"), tmp_path / "a.svg")
    root = ET.parse(path).getroot()
    said = {element.text for element in root.iter(f"{SVG}text")}
    assert {"Zeroise", "3×3 binary conv", "c(k−2)", "c(k)", "2×2 real conv /2", "BNAS-A"} <= said
    assert root.find(f"{SVG}title").text == "BNAS-A"
    content = path.read_text(encoding="utf-8")
    assert "c(k) = concat(node 0, node 1, node 2, node 3) + c(k-1) (skip connection)" in content
    assert "dc:date" not in content
    assert matplotlib.__version__ not in content
    names = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(names) == len(set(names))
    assert "normal-c-k-2-to-normal-ops.1" in names
    dotted = next(e for e in root.iter() if e.attrib.get("id") == "normal-c-k-2-to-normal-ops.1")
    assert "stroke-dasharray" in ET.tostring(dotted, encoding="unicode")
    skip = next(e for e in root.iter() if e.attrib.get("id") == "normal-c-k-1-to-normal-output")
    assert "stroke: #cf2e2e" in ET.tostring(skip, encoding="unicode")


@pytest.mark.parametrize("suffix", [".svg", ".PNG"])
def test_the_same_cell_gives_the_same_bytes_whatever_the_settings(
    tmp_path: Path, suffix: str
) -> None:
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    draw_cell(DENSE, str(one))
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "savefig.dpi": 31}):
        before = dict(matplotlib.rcParams)
        draw_cell(DENSE, other)
        assert dict(matplotlib.rcParams) == before
    assert one.read_bytes() == other.read_bytes()
    assert one.read_bytes() != draw_cell(EMPTY, one).read_bytes()


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_title_may_hold_any_sign(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cell{suffix}"
    draw_cell(EMPTY, path, title='5 $ & 6 $$ <"half">\n\tof\x00 it\\frac')
    title = '5 $ & 6 $$ <"half"> of it\\frac'
    if suffix == ".svg":
        root = ET.parse(path).getroot()
        assert root.find(f"{SVG}title").text == title
        assert title in {element.text for element in root.iter(f"{SVG}text")}
    else:
        assert title.encode() in path.read_bytes()


def test_png_has_the_size_of_the_page(tmp_path: Path) -> None:
    path = draw_cell(EMPTY, tmp_path / "cell.png", skip="both", reduction=True)
    content = path.read_bytes()
    page = layout(EMPTY, skip="both", reduction=True)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[16:20]) == pytest.approx(page.width / 72 * 200, abs=1)
    assert int.from_bytes(content[20:24]) == pytest.approx(page.height / 72 * 200, abs=1)


def test_drawing_loads_no_pyplot_and_layout_no_matplotlib(tmp_path: Path) -> None:
    script = (
        "import sys; from bnas.cells import draw, genotypes\n"
        "draw.layout(genotypes['bnas-cifar10'])\n"
        "assert 'matplotlib' not in sys.modules\n"
        "draw.draw_cell(genotypes['bnas-cifar10'], sys.argv[1])\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "cell.svg")], check=True)


@pytest.mark.parametrize("name", ["cell.pdf", "cell", "svg", "cell.svg.gz"])
def test_other_formats_are_refused_and_the_known_ones_listed(tmp_path: Path, name: str) -> None:
    for draw in (draw_cell, draw_spec):
        with pytest.raises(DrawError, match=r"\.svg, \.png .*" + re.escape(name)) as caught:
            draw(spec("BNAS-A"), tmp_path / name)
        assert caught.value.value == tmp_path / name
    assert list(tmp_path.iterdir()) == []


def test_places_where_no_picture_can_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DrawError, match="folder of `path` must exist"):
        draw_cell(EMPTY, tmp_path / "none" / "cell.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(DrawError, match="must not be a folder"):
        draw_cell(EMPTY, tmp_path / "folder.svg")


def test_what_is_no_cell_is_refused() -> None:
    with pytest.raises(DrawError, match=r"a Genotype, a NetworkSpec or .*\(got str\)") as caught:
        layout("bnas-cifar10")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, CellsError)
    with pytest.raises(DrawError, match=r"\(got Genotype\)"):
        layout_spec(EMPTY)
    with pytest.raises(SpecError, match="`skip` must be one of"):
        layout(EMPTY, skip="all")


def test_a_failed_write_leaves_the_old_picture_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cell.svg"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match=r"cannot write '.*cell\.svg' \(disk full\)") as caught:
        draw_cell(EMPTY, path)
    assert caught.value.path == path
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_without_matplotlib_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "bnas.cells.draw.paint", raising=False)
    with pytest.raises(ImportError, match=r'pip install "bnas-cells\[draw\]"') as caught:
        draw_cell(EMPTY, tmp_path / "cell.svg")
    assert isinstance(caught.value, CellsError)
    assert caught.value.extra == "draw"
    assert list(tmp_path.iterdir()) == []


def test_records_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        layout(EMPTY).width = 3.0
