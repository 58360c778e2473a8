"""A drawing shows the cell that is there: every edge, dotted and red where that is due."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnas.cells.draw import Drawing, Line, layout
from bnas.cells.draw.legend import LEGEND
from bnas.cells.draw.style import TONES
from bnas.cells.family import spec
from bnas.cells.genotype import Genotype
from bnas.cells.genotype import genotypes as published
from bnas.cells.lower import lower
from bnas.cells.primitives import PRIMITIVES
from bnas.cells.prune import prune
from bnas.cells.spec import NetworkSpec
from bnas.cells.testing import genotypes

LABELS = {
    "none": "Zeroise",
    "max_pool_3x3": "3×3 max pool",
    "avg_pool_3x3": "3×3 average pool",
    "bin_conv_3x3": "3×3 binary conv",
    "bin_conv_5x5": "5×5 binary conv",
    "bin_dil_conv_3x3": "3×3 dilated binary conv, d=2",
    "bin_dil_conv_5x5": "5×5 dilated binary conv, d=2",
}
DENSE = Genotype(
    normal=[(op, (3 * i) % (2 + i // 2)) for i, op in enumerate(list(PRIMITIVES) * 2)],
    reduce=[(op, (5 * i) % (2 + i // 2)) for i, op in enumerate(list(PRIMITIVES)[::-1] * 2)],
    concat=(8, 2, 5, 4),
)
EMPTY = Genotype(normal=[("none", 0), ("none", 1)], reduce=[("none", 1), ("none", 1)], concat=(2,))


def state(index: int) -> str:
    return ("c(k-2)", "c(k-1)", *(f"node.{i}" for i in range(20)))[index]


def cell_lines(drawing: Drawing) -> list[Line]:
    return [line for line in drawing.lines if line.source != LEGEND]


def ends(drawing: Drawing) -> Counter[tuple[str, str]]:
    return Counter((line.source, line.target) for line in cell_lines(drawing))


@settings(max_examples=30)
@given(genotypes(), st.booleans())
@example(published["bnas-cifar10"], False)
@example(published["bnas-imagenet"], True)
@example(DENSE, False)
def test_every_edge_of_the_genotype_is_drawn(genotype: Genotype, reduction: bool) -> None:
    drawing = layout(genotype, reduction=reduction)
    expected: Counter[tuple[str, str]] = Counter()
    for index, (op, source) in enumerate(genotype.cell(reduction)):
        expected[state(source), f"ops.{index}"] += 1
        expected[f"ops.{index}", f"node.{index // 2}"] += 1
        label = drawing.box(f"ops.{index}").label
        if reduction and source < 2 and op != "none":
            label = label.replace(" /2", "")
        assert label == LABELS[op]
    slots = [line for line in cell_lines(drawing) if line.target == "concat"]
    assert [line.source for line in sorted(slots, key=lambda line: line.slot)] == [
        state(source) for source in genotype.concat
    ]
    found = ends(drawing)
    assert {pair: found[pair] for pair in found if pair[1].startswith(("ops", "node"))} == expected
    assert found["concat", "output"] == found["output", "c(k)"] == 1


@settings(max_examples=20)
@given(genotypes(), st.booleans(), st.sampled_from(("none", "previous", "both")))
def test_lines_from_the_second_previous_cell_are_dotted(
    genotype: Genotype, reduction: bool, skip: str
) -> None:
    drawing = layout(genotype, reduction=reduction, skip=skip)
    reads = {f"ops.{i}": source for i, (_, source) in enumerate(genotype.cell(reduction))}
    for line in cell_lines(drawing):
        carries = line.source == "c(k-2)" or reads.get(line.source) == 0
        assert line.dotted == carries, line


@pytest.mark.parametrize(
    "genotype", [published["bnas-cifar10"], published["bnas-imagenet"], DENSE, EMPTY]
)
@pytest.mark.parametrize(
    ("reduction", "skip", "expected"),
    [
        (False, "none", set()),
        (True, "none", set()),
        (False, "previous", {("c(k-1)", "output")}),
        (False, "both", {("c(k-1)", "output"), ("c(k-2)", "output")}),
        (True, "previous", {("c(k-1)", "skip"), ("skip", "output")}),
        (True, "both", {("c(k-1)", "skip"), ("skip", "output")}),  # c(k-2) has another size
    ],
)
def test_skips_and_nothing_else_are_red(
    genotype: Genotype, reduction: bool, skip: str, expected: set[tuple[str, str]]
) -> None:
    drawing = layout(genotype, reduction=reduction, skip=skip)
    assert {(line.source, line.target) for line in cell_lines(drawing) if line.skip} == expected
    assert any(box.name == "output" for box in drawing.boxes) == bool(expected)


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("real", "2×2 real conv /2"),
        ("binary", "2×2 binary conv /2"),
        ("pool", "2×2 average pool /2"),
    ],
)
def test_the_layer_on_the_reduction_skip_is_named(kind: str, label: str) -> None:
    wiring = published["bnas-cifar10"]
    for drawing in (
        layout(wiring, reduction=True, reduction_skip=kind),
        layout(NetworkSpec(genotype=wiring, reduction_skip=kind), reduction=True),
        layout(wiring, reduction=True, pruned=True, reduction_skip=kind),
    ):
        assert drawing.box("skip").label == label
    assert layout(wiring, reduction=False, reduction_skip=kind).box("c(k)")
    assert "skip" not in {box.name for box in layout(wiring, reduction_skip=kind).boxes}


def test_only_what_reads_the_inputs_of_a_reduction_cell_has_stride_2() -> None:
    drawing = layout(published["bnas-imagenet"], reduction=True)
    strided = {box.name for box in drawing.boxes if "/2" in box.label}
    assert strided == {"ops.0", "ops.1", "ops.2", "ops.4", "ops.6", "skip"}


def test_kinds_have_colours_of_their_own_and_zeroise_is_dashed() -> None:
    tones = {box.label: box.tone for box in layout(DENSE).boxes}
    assert tones["Zeroise"] == "zeroise"
    assert TONES["zeroise"].dashed
    kinds = {"Zeroise", "3×3 max pool", "3×3 average pool", "3×3 binary conv"}
    kinds |= {"5×5 dilated binary conv, d=2"}
    assert len({TONES[tones[kind]].fill for kind in kinds}) == len(kinds)


def test_an_input_that_nothing_reads_is_pale() -> None:
    drawing = layout(EMPTY, reduction=True, skip="none")
    assert (drawing.box("c(k-2)").tone, drawing.box("c(k-1)").tone) == ("unused", "state")


def test_skips_of_a_specification_stay_unless_others_are_asked_for() -> None:
    drawn = spec("BNAS-A", skip="both")
    assert ends(layout(drawn))["c(k-2)", "output"] == 1
    assert ends(layout(drawn, skip="previous"))["c(k-2)", "output"] == 0


# The pruned view


@settings(max_examples=20)
@given(genotypes(), st.booleans())
@example(published["bnas-cifar10"], True)
def test_the_pruned_view_holds_what_prune_leaves_of_a_whole_network(
    genotype: Genotype, reduction: bool
) -> None:
    cell = 6 if reduction else 5
    network = prune(lower(NetworkSpec(genotype=genotype, num_cells=9, channels=2)))
    left = {
        match[1]
        for node in network
        if (match := re.match(rf"cells\.{cell}\.(ops\.\d+|node\.\d+|concat|output)", node.name))
    }
    drawing = layout(genotype, reduction=reduction, pruned=True)
    shown = {box.name for box in drawing.boxes}
    assert {name for name in shown if name.startswith(("ops", "node", "conc", "outp"))} == left
    assert "Zeroise" not in {box.label for box in drawing.boxes}


def test_the_pruned_published_cells() -> None:
    normal = layout(published["bnas-cifar10"], pruned=True)
    assert ends(normal) == {
        ("c(k-2)", "ops.1"): 1,
        ("c(k-1)", "ops.2"): 1,
        ("ops.1", "concat"): 1,
        ("ops.2", "concat"): 1,
        ("concat", "output"): 1,
        ("c(k-1)", "output"): 1,
        ("output", "c(k)"): 1,
    }
    assert [slot.zero for slot in normal.box("concat").slots] == [False, False, True, True]
    reduction = layout(published["bnas-cifar10"], reduction=True, pruned=True)
    assert ends(reduction)["ops.0", "concat"] == 2  # nodes 0 and 1 are the same value
    whole = published["bnas-imagenet"]
    assert ends(layout(whole, pruned=True)) == ends(layout(whole))


def test_a_pruned_cell_of_zeros_is_its_skip_or_zero() -> None:
    assert ends(layout(EMPTY, pruned=True)) == {("c(k-1)", "c(k)"): 1}
    (line,) = cell_lines(layout(EMPTY, pruned=True))
    assert line.skip
    alone = layout(EMPTY, pruned=True, skip="none")
    ((source, target),) = ends(alone)
    assert (alone.box(source).label, target) == ("0", "c(k)")


def test_a_layer_that_reads_zeros_stays_in_the_pruned_view() -> None:
    edges = [("none", 0), ("none", 1), ("bin_conv_3x3", 2), ("none", 2)]
    drawing = layout(Genotype(edges, edges, concat=(2, 3)), pruned=True)
    (line,) = [line for line in cell_lines(drawing) if line.target == "ops.2"]
    assert drawing.box(line.source).label == "0"
