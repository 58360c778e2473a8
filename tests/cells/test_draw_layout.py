"""Nothing in a drawing lies on anything else, whatever the cell."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from bnas.cells.draw import (
    Box,
    CellPicture,
    Drawing,
    Line,
    layout,
    layout_cells,
    layout_spec,
)
from bnas.cells.draw.drawable import Drawable
from bnas.cells.draw.legend import LEGEND
from bnas.cells.draw.routes import points_of
from bnas.cells.draw.text import break_label, text_width
from bnas.cells.family import spec
from bnas.cells.genotype import Genotype
from bnas.cells.primitives import PRIMITIVES
from bnas.cells.spec import NetworkSpec
from bnas.cells.testing import darts_specs, network_specs, resnet_specs

DENSE = Genotype(
    normal=[(op, (3 * i) % (2 + i // 2)) for i, op in enumerate(list(PRIMITIVES) * 2)],
    reduce=[(op, (5 * i) % (2 + i // 2)) for i, op in enumerate(list(PRIMITIVES)[::-1] * 2)],
    concat=(8, 2, 5, 4),
)
EMPTY = Genotype(normal=[("none", 0), ("none", 1)], reduce=[("none", 1), ("none", 1)], concat=(2,))
FAN = Genotype(  # one input, read by everything
    normal=[("bin_conv_3x3", 0)] * 16, reduce=[("max_pool_3x3", 1)] * 16, concat=range(9, 1, -1)
)


def cell_lines(drawing: Drawing) -> list[Line]:
    return [line for line in drawing.lines if line.source != LEGEND]


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def inside(box: Box, point: tuple[float, float]) -> bool:
    """Tell whether a point is more than a hair inside the outline of a box."""
    if box.shape == "sum":
        return math.dist((box.x, box.y), point) < box.width / 2 - 0.01
    left, bottom, right, top = box.bounds
    return left + 0.01 < point[0] < right - 0.01 and bottom + 0.01 < point[1] < top - 0.01


def check_positions(drawing: Drawing) -> None:
    things = [*drawing.boxes, *drawing.labels]
    for one, other in itertools.combinations(things, 2):
        assert not overlap(one.bounds, other.bounds), (one, other)
    for left, bottom, right, top in [thing.bounds for thing in things]:
        assert left >= 0
        assert bottom >= 0
        assert right <= drawing.width
        assert top <= drawing.height
    for line in drawing.lines:
        for before, after in itertools.pairwise(line.path):
            assert before[3] == after[0]
        for point in points_of(line.path, per_curve=8):
            hit = [box.name for box in drawing.boxes if inside(box, point)]
            hit += [text.text for text in drawing.labels if overlap(text.bounds, (*point, *point))]
            assert not hit, (line.source, line.target, hit)


def touches(box: Box, point: tuple[float, float]) -> bool:
    if box.shape == "sum":
        return math.isclose(math.dist((box.x, box.y), point), box.width / 2)
    left, bottom, right, top = box.bounds
    x, y = point
    on_side = math.isclose(x, left) or math.isclose(x, right)
    on_edge = math.isclose(y, bottom) or math.isclose(y, top)
    return (on_side and bottom <= y <= top) or (on_edge and left <= x <= right)


DRAWABLE = st.one_of(
    network_specs(max_cells=1, max_channels=2),
    darts_specs(max_cells=1, max_channels=2),
    resnet_specs(),
)


@settings(max_examples=60)
@given(DRAWABLE, st.booleans(), st.booleans())
@example(NetworkSpec(genotype=DENSE, skip="both"), False, False)
@example(NetworkSpec(genotype=DENSE, reduction_skip="pool"), True, True)
@example(NetworkSpec(genotype=EMPTY), True, True)
@example(NetworkSpec(genotype=EMPTY, skip="none"), False, True)
@example(NetworkSpec(genotype=FAN, skip="both"), False, False)
@example(NetworkSpec(genotype=FAN), True, True)
@example(spec("BATS-style-real"), False, False)
@example(spec("BATS-style"), True, False)
@example(spec("DARTS-V2"), False, True)
@example(spec("XNOR-ResNet-18"), False, False)
@example(spec("Bi-Real-18"), True, False)
def test_nothing_lies_on_anything(drawn: Drawable, reduction: bool, pruned: bool) -> None:
    drawing = layout(drawn, reduction=reduction, pruned=pruned)
    check_positions(drawing)
    for line in cell_lines(drawing):
        assert touches(drawing.box(line.source), line.path[0][0])
        assert touches(drawing.box(line.target), line.path[-1][3])


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("name", ["BNAS-A", "BNAS-H"])
def test_nothing_lies_on_anything_on_a_page_of_two_cells(name: str, pruned: bool) -> None:
    check_positions(layout_spec(spec(name, skip="both"), pruned=pruned))


@settings(max_examples=10)
@given(st.lists(DRAWABLE, min_size=1, max_size=4), st.none() | st.integers(1, 3), st.booleans())
def test_nothing_lies_on_anything_on_a_page_of_several_cells(
    drawn: list[Drawable], columns: int | None, reduction: bool
) -> None:
    pictures = [CellPicture(each, reduction=reduction, owner="A network of mine") for each in drawn]
    check_positions(layout_cells(pictures, columns=columns))


def test_lines_end_in_the_slot_that_they_fill() -> None:
    drawing = layout(DENSE)
    concat = drawing.box("concat")
    width = concat.width / len(concat.slots)
    for line in cell_lines(drawing):
        if line.slot is not None:
            place = (line.path[-1][3][0] - concat.bounds[0]) / width
            assert line.slot < place < line.slot + 1


def test_rows_go_up_from_the_inputs_to_the_output() -> None:
    drawing = layout(DENSE, skip="both")
    assert drawing.box("c(k-2)").y == drawing.box("c(k-1)").y
    assert drawing.box("c(k-2)").x < drawing.box("c(k-1)").x
    for line in cell_lines(drawing):
        assert drawing.box(line.source).y < drawing.box(line.target).y


def test_layers_of_a_node_stand_side_by_side_at_most_four_in_a_row() -> None:
    drawing = layout(FAN)
    rows = Counter(box.y for box in drawing.boxes if box.name.startswith("ops"))
    assert set(rows.values()) == {4}
    for node in range(8):
        assert drawing.box(f"ops.{2 * node}").y == drawing.box(f"ops.{2 * node + 1}").y


def real_width(text: str, size: float, bold: bool = False) -> float:
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    font.set_size(size)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return width


@pytest.mark.parametrize("name", ["BNAS-A", "BNAS-D", "DARTS-V2", "BATS-style-real", "Bi-Real-18"])
def test_text_has_the_room_that_it_needs(name: str) -> None:
    drawing = layout_spec(spec(name))
    for label in drawing.labels:
        room = label.bounds[2] - label.bounds[0]
        real = real_width(label.text, label.size, label.bold)
        assert real <= room <= 1.35 * real + 2, label
    for box in drawing.boxes:
        for text in box.lines:
            assert real_width(text, 8.5) + 8 <= box.width


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), st.booleans())
def test_text_width_is_an_upper_bound(text: str, bold: bool) -> None:
    assert real_width(text, 10, bold) <= text_width(text, 10, bold) + 2


@given(st.lists(st.text("ab", min_size=1, max_size=9), min_size=1, max_size=6))
def test_labels_break_between_words_into_two_lines_at_most(words: list[str]) -> None:
    label = " ".join(words)
    lines = break_label(label, 10, 60)
    assert " ".join(lines) == label
    assert len(lines) == (1 if text_width(label, 10) <= 60 or len(words) == 1 else 2)
