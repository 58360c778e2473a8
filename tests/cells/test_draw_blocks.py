"""Drawings of residual blocks: layers in a chain, and what goes around them, in red."""

from __future__ import annotations

from collections import Counter

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnas.cells.draw import DrawError, Drawing, Line, layout, layout_spec
from bnas.cells.draw.legend import LEGEND
from bnas.cells.family import spec
from bnas.cells.resnet import ResNetSpec
from bnas.cells.testing import resnet_specs


def cell_lines(drawing: Drawing) -> list[Line]:
    return [line for line in drawing.lines if line.source != LEGEND]


def ends(drawing: Drawing, *, skip: bool) -> Counter[tuple[str, str]]:
    return Counter((line.source, line.target) for line in cell_lines(drawing) if line.skip == skip)


def labels(drawing: Drawing) -> dict[str, str]:
    return {box.name: box.label for box in drawing.boxes if box.shape == "box"}


def test_the_xnor_block_is_two_convolutions_and_one_skip_around_both() -> None:
    drawing = layout(spec("XNOR-ResNet-18"))
    chain = ["c(k-1)", "conv1", "conv2", "add", "c(k)"]
    assert ends(drawing, skip=False) == Counter(zip(chain, chain[1:], strict=False))
    assert ends(drawing, skip=True) == {("c(k-1)", "add"): 1}
    assert labels(drawing) == dict.fromkeys(("conv1", "conv2"), "3×3 binary conv")
    assert {drawing.box(name).tone for name in ("conv1", "conv2")} == {"binary_conv"}
    assert drawing.title == "XNOR-ResNet-18: block"


def test_the_bi_real_block_has_a_skip_around_every_convolution() -> None:
    drawing = layout(spec("Bi-Real-18"))
    chain = ["c(k-1)", "conv1", "add1", "conv2", "add2", "c(k)"]
    assert ends(drawing, skip=False) == Counter(zip(chain, chain[1:], strict=False))
    assert ends(drawing, skip=True) == {("c(k-1)", "add1"): 1, ("add1", "add2"): 1}
    first, second = (line for line in cell_lines(drawing) if line.skip)
    # They meet at one sum; on one side, an arrow would end where the other line begins.
    assert first.path[-1][3] != second.path[0][0]


@pytest.mark.parametrize(
    ("name", "shortcut", "around"),
    [
        (
            "XNOR-ResNet-18",
            {"downsample.0": "1×1 real conv /2"},
            ["c(k-1)", "downsample.0", "add"],
        ),
        (
            "Bi-Real-34",
            {"downsample.0": "2×2 average pool /2", "downsample.1": "1×1 real conv"},
            ["c(k-1)", "downsample.0", "downsample.1", "add1"],
        ),
        ("ResNet-18", {"downsample.0": "1×1 real conv /2"}, ["c(k-1)", "downsample.0", "add"]),
    ],
)
def test_the_shortcut_of_a_down_sampling_block_is_real(
    name: str, shortcut: dict[str, str], around: list[str]
) -> None:
    drawing = layout(spec(name), reduction=True)
    kind = "real" if name.startswith("ResNet") else "binary"
    convs = {"conv1": f"3×3 {kind} conv /2", "conv2": f"3×3 {kind} conv"}
    assert labels(drawing) == convs | shortcut
    path = Counter(zip(around, around[1:], strict=False))
    path += Counter({("add1", "add2"): 1} if name.startswith("Bi-Real") else {})
    assert ends(drawing, skip=True) == path
    boxes = [drawing.box(each) for each in around[1:-1]]
    assert len({box.x for box in boxes}) == 1
    assert drawing.title == f"{name}: down-sampling block"


@settings(max_examples=25)
@given(resnet_specs(), st.booleans())
def test_blocks_are_those_of_the_graph(drawn: ResNetSpec, reduction: bool) -> None:
    drawing = layout(drawn, reduction=reduction)
    graph = attrs.evolve(drawn, blocks=(2, 2)).lower()
    stage = "layer2.0." if reduction else "layer1.1."
    kinds = ("Conv", "BinaryConv", "AvgPool", "Add")
    computed = {
        node.name.removeprefix(stage)
        for node in graph
        if node.name.startswith(stage) and type(node).__name__ in kinds
    }
    shown = {box.name for box in drawing.boxes} - {LEGEND}
    assert shown == computed | {"c(k-1)", "c(k)"}
    assert not any(line.dotted for line in cell_lines(drawing))
    pruned = layout(drawn, reduction=reduction, pruned=True)  # nothing in a block is needless
    assert [ends(pruned, skip=skip) for skip in (False, True)] == [
        ends(drawing, skip=skip) for skip in (False, True)
    ]


def test_the_description_says_the_block_in_words() -> None:
    assert layout(spec("XNOR-ResNet-18")).description == (
        "c(k) = 3×3 binary conv of 3×3 binary conv of c(k-1) + c(k-1) (skip connection)"
    )
    inner = "3×3 binary conv of c(k-1) + c(k-1) (skip connection)"
    assert layout(spec("Bi-Real-18")).description == (
        f"c(k) = 3×3 binary conv of ({inner}) + ({inner}) (skip connection)"
    )
    assert "1×1 real conv of 2×2 average pool /2 of c(k-1) (skip connection)" in (
        layout(spec("Bi-Real-18"), reduction=True).description
    )


@pytest.mark.parametrize(
    ("drawn", "layers"),
    [
        (spec("XNOR-ResNet-34"), "batch norm, sign, binary conv, ReLU"),
        (spec("Bi-Real-34"), "sign, binary conv, batch norm"),
        (ResNetSpec(blocks=(3, 4, 6, 3), activation="rprelu"), "sign, binary conv, batch norm, "),
        (spec("ResNet-34"), "real conv, batch norm, ReLU"),
    ],
)
def test_a_page_says_what_a_layer_consists_of(drawn: ResNetSpec, layers: str) -> None:
    drawing = layout_spec(drawn)
    facts = next(text.text for text in drawing.labels if "template" in text.text)
    assert facts.startswith(
        "ImageNet template · stages of 3, 4, 6, 3 blocks · 64 channels in the first · "
        f"a layer is {layers}"
    )
    assert {"Block", "Down-sampling block"} <= {text.text for text in drawing.labels}
    assert drawing.box("normal conv1") != drawing.box("reduction conv1")


def test_the_legend_of_a_block_speaks_of_no_nodes_and_no_cells() -> None:
    said = {text.text for text in layout_spec(spec("Bi-Real-18")).labels}
    assert {"from c(k−1)", "skip connection", "/2: stride 2"} <= said
    assert not {"from c(k−1) or a node", "inter-cell skip connection", "from c(k−2)"} & said


@pytest.mark.parametrize("choice", [{"skip": "both"}, {"reduction_skip": "pool"}])
@pytest.mark.parametrize("name", ["Bi-Real-18", "DARTS-V2"])
def test_skips_that_a_template_fixes_are_no_choice(name: str, choice: dict[str, str]) -> None:
    (field,) = choice
    with pytest.raises(DrawError, match=rf"`{field}` must be None .*\(got '\w+'\)"):
        layout(spec(name), **choice)
