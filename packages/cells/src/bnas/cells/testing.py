"""Hypothesis strategies for property tests of what reads genotypes and networks.

Needs the extra ``testing``: ``pip install "bnas-cells[testing]"``. Every strategy has bounds by
keyword, and the widest valid ones as its default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, get_args

from bnas.cells import nodes as node_types
from bnas.cells.builder import Builder, Value, Window
from bnas.cells.darts import DartsSpec, Downsampling
from bnas.cells.draw.errors import MissingExtraError
from bnas.cells.genotype import EDGES_PER_NODE, NUM_CELL_INPUTS, Edge, Genotype
from bnas.cells.graph_spec import GraphSpec
from bnas.cells.primitives import BATS_PRIMITIVES, DARTS_PRIMITIVES, PRIMITIVES, primitive
from bnas.cells.resnet import ACTIVATIONS, Block, ResNetSpec
from bnas.cells.spec import Activation, NetworkSpec, ReductionSkip, Skip
from bnas.cells.templates import TemplateName

try:
    from hypothesis import strategies as st
except ImportError as _error:
    raise MissingExtraError(
        "bnas.cells.testing needs Hypothesis (it is not installed); install the extra: "
        'pip install "bnas-cells[testing]"',
        extra="testing",
    ) from _error

#: Names of the layer types of all search spaces, for `genotypes`.
ALL_PRIMITIVES = tuple({**PRIMITIVES, **DARTS_PRIMITIVES, **BATS_PRIMITIVES})


@st.composite
def genotypes(
    draw: Callable[..., Any],
    *,
    num_nodes: int | None = None,
    max_nodes: int = 6,
    primitives: Sequence[str] = tuple(PRIMITIVES),
) -> Genotype:
    """Genotypes of any wiring: unused inputs and nodes, nodes of zeros, any concatenation.

    Args:
        draw: Given by Hypothesis.
        num_nodes: Nodes of a cell; None draws them.
        max_nodes: Largest number of nodes that is drawn.
        primitives: Names of the layer types to draw from; default: those of BNAS.

    Returns:
        A valid genotype.
    """
    nodes = draw(st.integers(1, max_nodes)) if num_nodes is None else num_nodes
    states = range(NUM_CELL_INPUTS, NUM_CELL_INPUTS + nodes)

    def cell() -> tuple[Edge, ...]:
        return tuple(
            (draw(st.sampled_from(primitives)), draw(st.integers(0, state - 1)))
            for state in states
            for _ in range(EDGES_PER_NODE)
        )

    # All of them in order is the published form, and the form to shrink to.
    some = st.lists(st.sampled_from(states), min_size=1, max_size=nodes, unique=True).map(tuple)
    return Genotype(normal=cell(), reduce=cell(), concat=draw(st.just(tuple(states)) | some))


@st.composite
def network_specs(
    draw: Callable[..., Any],
    *,
    wirings: st.SearchStrategy[Genotype] | None = None,
    templates: Sequence[TemplateName] = get_args(TemplateName),
    max_cells: int = 9,
    max_channels: int = 16,
    skips: Sequence[Skip] = get_args(Skip),
    reduction_skips: Sequence[ReductionSkip] = get_args(ReductionSkip),
    activations: Sequence[Activation] = get_args(Activation),
) -> NetworkSpec:
    """Specifications of networks of any shape, those without a normal cell included.

    Args:
        draw: Given by Hypothesis.
        wirings: Genotypes to draw from; None draws any of BNAS's primitives.
        templates: Templates to draw from; ``"imagenet"`` needs `max_channels` of 2 or more.
        max_cells: Largest number of cells.
        max_channels: Largest number of channels, or the groups of a grouped convolution if larger.
        skips: Inter-cell skip connections to draw from.
        reduction_skips: What carries a skip over a reduction cell, to draw from.
        activations: What ends a binary block, to draw from.

    Returns:
        A valid specification.
    """
    template = draw(st.sampled_from(templates))
    genotype = draw(genotypes() if wirings is None else wirings)
    return NetworkSpec(
        genotype=genotype,
        template=template,
        num_cells=draw(st.integers(1, max_cells)),
        channels=draw(_channels(genotype, template, max_channels)),
        num_classes=draw(st.integers(1, 20)),
        skip=draw(st.sampled_from(skips)),
        reduction_skip=draw(st.sampled_from(reduction_skips)),
        activation=draw(st.sampled_from(activations)),
        real_weight_tail=draw(st.integers(0, 3)),
    )


@st.composite
def darts_specs(
    draw: Callable[..., Any],
    *,
    wirings: st.SearchStrategy[Genotype] | None = None,
    templates: Sequence[TemplateName] = get_args(TemplateName),
    max_cells: int = 9,
    max_channels: int = 24,
    downsamplings: Sequence[Downsampling] = get_args(Downsampling),
    activations: Sequence[Activation] = get_args(Activation),
) -> DartsSpec:
    """Specifications of networks stacked by DARTS's template.

    Args:
        draw: Given by Hypothesis.
        wirings: Genotypes to draw from; None draws any of the primitives of all search spaces.
        templates: Templates to draw from; ``"imagenet"`` needs `max_channels` of 2 or more.
        max_cells: Largest number of cells.
        max_channels: Largest number of channels, or the groups of a grouped convolution if larger.
        downsamplings: What downsampling layers are, to draw from.
        activations: What ends a block, to draw from.

    Returns:
        A valid specification.
    """
    template = draw(st.sampled_from(templates))
    genotype = draw(genotypes(primitives=ALL_PRIMITIVES) if wirings is None else wirings)
    return DartsSpec(
        genotype=genotype,
        template=template,
        num_cells=draw(st.integers(1, max_cells)),
        channels=draw(_channels(genotype, template, max_channels)),
        num_classes=draw(st.integers(1, 20)),
        downsampling=draw(st.sampled_from(downsamplings)),
        activation=draw(st.sampled_from(activations)),
    )


def _channels(genotype: Genotype, template: str, maximum: int) -> st.SearchStrategy[int]:
    """Return channels that the stem can halve and grouped convolutions can divide."""
    divisors = {primitive(name).groups for name, _ in genotype.normal + genotype.reduce}
    step = math.lcm(2 if template == "imagenet" else 1, *divisors)
    return st.integers(1, max(maximum // step, 1)).map(lambda count: step * count)


@st.composite
def resnet_specs(
    draw: Callable[..., Any],
    *,
    blocks: Sequence[Block] = get_args(Block),
    templates: Sequence[TemplateName] = get_args(TemplateName),
    max_stages: int = 3,
    max_blocks: int = 2,
    max_width: int = 8,
) -> ResNetSpec:
    """Specifications of residual networks.

    Args:
        draw: Given by Hypothesis.
        blocks: Orders of the layers to draw from.
        templates: Templates to draw from.
        max_stages: Largest number of stages, 8 or fewer.
        max_blocks: Largest number of blocks of a stage.
        max_width: Largest number of channels of the first stage.

    Returns:
        A valid specification.
    """
    block = draw(st.sampled_from(blocks))
    counts = st.lists(st.integers(1, max_blocks), min_size=1, max_size=max_stages)
    return ResNetSpec(
        block=block,
        blocks=draw(counts),
        width=draw(st.integers(1, max_width)),
        num_classes=draw(st.integers(1, 20)),
        template=draw(st.sampled_from(templates)),
        activation=draw(st.sampled_from(ACTIVATIONS[block])),
    )


@st.composite
def graph_specs(
    draw: Callable[..., Any],
    *,
    input_size: int = 16,
    max_nodes: int = 12,
    max_channels: int = 8,
) -> GraphSpec:
    """Graphs of any known nodes, read by any others: signs by sums, averages by convolutions.

    Args:
        draw: Given by Hypothesis.
        input_size: Side of the images in pixels, divisible by 8.
        max_nodes: Largest number of layers before the classifier.
        max_channels: Largest number of channels of a convolution.

    Returns:
        A valid specification.
    """
    build = Builder(role="op")
    values = [build.images()]
    for index in range(draw(st.integers(1, max_nodes))):
        values.append(_layer(draw, build, f"n{index}", values, max_channels))
    last = values[-1]
    tapped = draw(st.lists(st.sampled_from(values), max_size=3))
    build.taps = {f"tap{place}": value.name for place, value in enumerate(tapped)}
    logits = build.classify("pool", "fc", last, draw(st.integers(1, 5)))
    return GraphSpec(graph=build.finish(logits), template="cifar", input_size=input_size)


_LAYERS = (
    "binary", "binary", "signed", "real", "norm", "sign", "relu", "rprelu", "max", "average",
    "add", "concat", "zero", "identity",
)  # fmt: skip


def _layer(
    draw: Callable[..., Any], build: Builder, name: str, values: list[Value], max_channels: int
) -> Value:
    """Append a layer that reads some of `values`."""
    value = draw(st.sampled_from(values))
    stride = 2 if value.halvings < 3 and draw(st.booleans()) else 1
    alike = [other for other in values if other.halvings == value.halvings]
    kind = draw(st.sampled_from(_LAYERS))
    if kind in ("binary", "signed", "real"):
        kernel = draw(st.sampled_from([1, 3]) if stride == 1 else st.sampled_from([2, 3]))
        window = Window(kernel, stride, padding=kernel // 2 if kernel % 2 else 0)
        channels = draw(st.integers(1, max_channels))
        source = value if kind == "real" else build.sign(f"{name}.sign", value)
        conv = node_types.BinaryConv if kind == "binary" else node_types.Conv
        return build.conv(conv, name, source, channels, window, bias=kind == "signed")
    if kind in ("max", "average"):
        pool = node_types.MaxPool if kind == "max" else node_types.AvgPool
        return build.pool(pool, name, value, Window(3, stride, padding=1))
    if kind == "add":
        same = [other for other in alike if other.channels == value.channels]
        return build.add_up(name, value, *draw(st.lists(st.sampled_from(same), min_size=1)))
    if kind == "concat":
        parts = [value, *draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2))]
        build.add(node_types.Concat, name, *(part.name for part in parts))
        return Value(name, sum(part.channels for part in parts), value.halvings)
    if kind == "zero":
        build.add(node_types.Zero, name, value.name, channels=value.channels, stride=stride)
        return Value(name, value.channels, value.halvings + stride - 1)
    if kind == "norm":
        return build.batch_norm(name, value, affine=draw(st.booleans()))
    if kind == "sign":
        return build.sign(name, value)
    if kind == "identity":
        build.add(node_types.Identity, name, value.name)
        return Value(name, value.channels, value.halvings)
    return build.activate(name, value, kind)
