"""Drawings of cells from the search spaces of DARTS and BATS, in either template."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnas.cells.darts import DartsSpec
from bnas.cells.draw import Drawing, Line, layout, layout_spec
from bnas.cells.draw.legend import LEGEND
from bnas.cells.draw.style import TONES
from bnas.cells.family import spec
from bnas.cells.genotype import Genotype
from bnas.cells.genotype import genotypes as published
from bnas.cells.testing import ALL_PRIMITIVES, genotypes

# Primitive -> tone, and label at stride 1, at stride 2, and at stride 2 where that is real.
NAMES = {
    "none": ("zeroise", *["Zeroise"] * 3),
    "skip_connect": (
        "identity",
        "skip connect",
        "skip connect /2, 1×1 binary conv",
        "skip connect /2, 1×1 real conv",
    ),
    "max_pool_3x3": ("max_pool", "3×3 max pool", *["3×3 max pool /2"] * 2),
    "avg_pool_3x3": ("avg_pool", "3×3 average pool", *["3×3 average pool /2"] * 2),
}
for size, window in (("3x3", "3×3"), ("5x5", "5×5")):
    NAMES |= {
        f"bin_conv_{size}": (
            "binary_conv",
            f"{window} binary conv",
            f"{window} binary conv /2",
            f"{window} real conv /2",
        ),
        f"bin_dil_conv_{size}": (
            "dilated_binary_conv",
            f"{window} dilated binary conv, d=2",
            f"{window} dilated binary conv /2, d=2",
            f"{window} dilated real conv /2, d=2",
        ),
        f"sep_conv_{size}": (
            "separable_conv",
            f"{window} binary separable conv",
            f"{window} binary separable conv /2",
            f"{window} binary separable conv, real depthwise /2",
        ),
        f"dil_conv_{size}": (
            "dilated_separable_conv",
            f"{window} dilated binary separable conv, d=2",
            f"{window} dilated binary separable conv /2, d=2",
            f"{window} dilated binary separable conv, d=2, real depthwise /2",
        ),
        f"group_conv_{size}": (
            "grouped_conv",
            f"{window} grouped binary conv, 12 groups",
            f"{window} grouped binary conv /2, 12 groups",
            f"{window} grouped real conv /2, 12 groups",
        ),
        f"dil_group_conv_{size}": (
            "dilated_grouped_conv",
            f"{window} dilated grouped binary conv, d=2, 12 groups",
            f"{window} dilated grouped binary conv /2, d=2, 12 groups",
            f"{window} dilated grouped real conv /2, d=2, 12 groups",
        ),
    }
WIRINGS = genotypes(primitives=tuple(NAMES))


def cell_lines(drawing: Drawing) -> list[Line]:
    return [line for line in drawing.lines if line.source != LEGEND]


def state(index: int) -> str:
    return ("c(k-2)", "c(k-1)", *(f"node.{i}" for i in range(20)))[index]


def expected_name(op: str, strided: bool, downsampling: str) -> tuple[str, str]:
    tone, plain, binary, real = NAMES[op]
    if not strided:
        return tone, plain
    is_conv = tone.endswith("conv")
    if downsampling == "binary":
        return tone, binary
    return ("real_conv" if is_conv else tone), real


def test_every_primitive_is_known_here() -> None:
    assert set(NAMES) == set(ALL_PRIMITIVES)
    assert {tone for tone, *_ in NAMES.values()} <= set(TONES)


@settings(max_examples=40)
@given(WIRINGS, st.booleans(), st.sampled_from(("binary", "real")))
@example(published["darts-v2"], False, "binary")
@example(published["darts-v2"], True, "real")
@example(published["bats-style"], True, "real")
def test_every_edge_is_one_box_named_after_its_primitive(
    genotype: Genotype, reduction: bool, downsampling: str
) -> None:
    drawn = DartsSpec(genotype=genotype, downsampling=downsampling)
    drawing = layout(drawn, reduction=reduction)
    lines = Counter((line.source, line.target) for line in cell_lines(drawing))
    for index, (op, source) in enumerate(genotype.cell(reduction)):
        box = drawing.box(f"ops.{index}")
        assert (box.tone, box.label) == expected_name(op, reduction and source < 2, downsampling)
        assert lines.pop((state(source), f"ops.{index}")) == 1
        assert lines.pop((f"ops.{index}", f"node.{index // 2}")) == 1
    lines -= Counter((state(source), "concat") for source in genotype.concat)
    assert +lines == {("concat", "c(k)"): 1}
    assert not any(line.skip for line in cell_lines(drawing))


@settings(max_examples=20)
@given(WIRINGS, st.booleans())
def test_any_genotype_fits_the_template_of_bnas_too(genotype: Genotype, reduction: bool) -> None:
    drawing = layout(genotype, reduction=reduction, skip="both")
    reads = {f"ops.{i}": source for i, (_, source) in enumerate(genotype.cell(reduction))}
    for line in cell_lines(drawing):
        assert line.dotted == (line.source == "c(k-2)" or reads.get(line.source) == 0)
    red = {(line.source, line.target) for line in cell_lines(drawing) if line.skip}
    around = {("c(k-1)", "skip"), ("skip", "output")}
    assert red == (around if reduction else {("c(k-1)", "output"), ("c(k-2)", "output")})


def test_the_intra_cell_skips_of_darts_are_pink_and_its_cells_have_no_others() -> None:
    said = {text.text for text in layout_spec(spec("DARTS-V2")).labels}
    assert "intra-cell skip connection" in said
    assert "inter-cell skip connection" not in said
    for reduction, count in ((False, 2), (True, 3)):
        drawing = layout(spec("DARTS-V2"), reduction=reduction)
        pink = [box for box in drawing.boxes if box.tone == "identity" and box.name != LEGEND]
        assert [box.label for box in pink] == ["skip connect"] * count
    red, green, blue = bytes.fromhex(TONES["identity"].fill[1:])
    assert red > blue > green  # pink


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("DARTS-V2", "no inter-cell skips · cells all binary"),
        ("BATS-style-real", "no inter-cell skips · convolutions that downsample are real"),
    ],
)
def test_a_page_says_what_is_real(name: str, facts: str) -> None:
    drawing = layout_spec(spec(name))
    said = next(text.text for text in drawing.labels if "template" in text.text)
    assert said == (
        f"CIFAR template · 20 cells · 36 channels · cells 6 and 13 reduce · {facts} · 10 classes"
    )


def test_pruning_leaves_intra_cell_skips_but_those_of_zeros() -> None:
    edges = [("skip_connect", 1), ("none", 0), ("none", 1), ("none", 2), ("skip_connect", 3)]
    edges += [("skip_connect", 2)]
    drawing = layout(DartsSpec(genotype=Genotype(edges, edges, concat=(4, 3))), pruned=True)
    assert Counter((line.source, line.target) for line in cell_lines(drawing)) == {
        ("c(k-1)", "ops.0"): 1,
        ("ops.0", "ops.5"): 1,
        ("ops.5", "concat"): 1,
        ("concat", "c(k)"): 1,
    }
    assert {drawing.box(name).tone for name in ("ops.0", "ops.5")} == {"identity"}
    assert [slot.zero for slot in drawing.box("concat").slots] == [False, True]
