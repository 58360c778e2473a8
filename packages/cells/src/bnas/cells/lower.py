"""`lower`: from a `NetworkSpec` to its graph, every layer as published, nothing simplified.

A binary block is batch norm, sign, binary convolution, ReLU (or RPReLU), in this order. Names are
those of the parameters: ``cells.3.ops.1.conv`` is the convolution of edge 1 of cell 3.

References:
    ECCV 2020 BNAS, Section 4.2. As in the published weights, cell 0 has no skip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from bnas.cells import nodes
from bnas.cells.builder import Builder, Value, Window
from bnas.cells.genotype import EDGES_PER_NODE
from bnas.cells.graph import Graph
from bnas.cells.primitives import Primitive, primitive

if TYPE_CHECKING:
    from bnas.cells.spec import NetworkSpec


def lower(spec: NetworkSpec) -> Graph:
    """Return the graph of `spec`.

    Args:
        spec: The network; its logits are the graph's output of shape (num_classes, 1, 1).
    """
    build = Builder()
    stem = _cifar_stem if spec.template == "cifar" else _imagenet_stem
    before, last = stem(build, build.images(), spec.channels)
    channels = spec.channels
    for index in range(spec.num_cells):
        reduction = index in spec.reductions
        channels *= 2 if reduction else 1
        build.cell = f"cell_{index:02d}"
        output = _cell(build, spec, index, channels, (before, last))
        build.taps[build.cell] = output.name
        before, last = last, output
    logits = build.classify("pool", "classifier", last, spec.num_classes)
    build.nodes = _keep_real_tail(build.nodes, spec.real_weight_tail)
    return build.finish(logits)


def _cifar_stem(build: Builder, images: Value, channels: int) -> tuple[Value, Value]:
    build.cell = "stem"
    normalised = build.batch_norm("stem.bn", images)
    conv = build.conv(nodes.Conv, "stem.conv", normalised, 3 * channels, Window(3, padding=1))
    stem = build.activate("stem.relu", conv, "relu")
    build.taps["stem"] = stem.name
    return stem, stem


def _imagenet_stem(build: Builder, images: Value, channels: int) -> tuple[Value, Value]:
    def halve(name: str, value: Value, out_channels: int) -> Value:
        window = Window(3, stride=2, padding=1)
        conv = build.conv(nodes.Conv, f"{name}.conv", value, out_channels, window)
        return build.batch_norm(f"{name}.bn", conv)

    def relu(name: str, value: Value) -> Value:
        return build.activate(f"{name}.relu", value, "relu")

    build.cell = "stem0"
    first = relu("stem0.0", halve("stem0.0", images, channels // 2))
    before = halve("stem0.1", first, channels)
    build.taps["stem0"] = before.name
    build.cell = "stem1"
    last = halve("stem1", relu("stem1", before), channels)
    build.taps["stem1"] = last.name
    return before, last


def _cell(
    build: Builder, spec: NetworkSpec, index: int, channels: int, inputs: tuple[Value, Value]
) -> Value:
    prefix = f"cells.{index}"
    reduction = index in spec.reductions
    concat = spec.genotype.concat
    output = Value(f"{prefix}.concat", channels * len(concat), inputs[1].halvings + int(reduction))
    states = _preprocess(build, spec, prefix, channels, inputs)
    # The skip comes before the edges: whoever runs the graph in order can add these to it in place.
    skips = _skips(build, spec, index, output, inputs)
    edges = spec.genotype.cell(reduction)
    for node in range(spec.genotype.num_nodes):
        own_edges = edges[node * EDGES_PER_NODE : (node + 1) * EDGES_PER_NODE]
        build.role = "op"
        summands = []
        for offset, (op, source) in enumerate(own_edges):
            name = f"{prefix}.ops.{node * EDGES_PER_NODE + offset}"
            stride = 2 if reduction and source < len(inputs) else 1
            summands.append(_edge(build, spec, name, primitive(op), states[source], stride))
        total = build.add(nodes.Add, f"{prefix}.node.{node}", *(value.name for value in summands))
        states.append(attrs.evolve(summands[0], name=total))
    build.role = "join"
    build.add(nodes.Concat, output.name, *(states[state].name for state in concat))
    if not skips:
        return output
    total = build.add(nodes.Add, f"{prefix}.output", output.name, *(value.name for value in skips))
    return attrs.evolve(output, name=total)


def _preprocess(
    build: Builder, spec: NetworkSpec, prefix: str, channels: int, inputs: tuple[Value, Value]
) -> list[Value]:
    before, last = inputs
    build.role = "preprocess"
    if before.halvings == last.halvings:
        window, affine = Window(1), True
    else:
        window, affine = Window(3, stride=2, padding=1), spec.template == "imagenet"
    return [
        _binary_block(build, spec, f"{prefix}.preprocess0", before, channels, window, affine),
        _binary_block(build, spec, f"{prefix}.preprocess1", last, channels, Window(1)),
    ]


def _binary_block(
    build: Builder,
    spec: NetworkSpec,
    name: str,
    value: Value,
    channels: int,
    window: Window,
    affine: bool = True,
) -> Value:
    """Append batch norm, sign, binary convolution and ReLU or RPReLU."""
    normalised = build.batch_norm(f"{name}.bn", value, affine)
    sign = build.sign(f"{name}.sign", normalised)
    conv = build.conv(nodes.BinaryConv, f"{name}.conv", sign, channels, window)
    return build.activate(f"{name}.{spec.activation}", conv, spec.activation)


def _edge(
    build: Builder, spec: NetworkSpec, name: str, op: Primitive, value: Value, stride: int
) -> Value:
    window = Window(op.kernel, stride, op.padding, op.dilation)
    if op.kind == "binary_conv":
        return _binary_block(build, spec, name, value, value.channels, window)
    if op.kind == "zero":
        output = build.add(nodes.Zero, name, value.name, channels=value.channels, stride=stride)
    else:
        pool = nodes.MaxPool if op.kind == "max_pool" else nodes.AvgPool
        output = build.add(pool, name, value.name, **attrs.asdict(window))
    return Value(output, value.channels, value.halvings + stride - 1)


def _skips(
    build: Builder, spec: NetworkSpec, index: int, output: Value, inputs: tuple[Value, Value]
) -> list[Value]:
    """Return what the inter-cell skip connections add to the cell's output."""
    if index == 0 or spec.skip == "none":
        return []
    build.role = "skip"
    before, last = inputs
    skips = [last]
    if index in spec.reductions:
        skips = [_reduction_skip(build, spec, f"cells.{index}.skip", last, output)]
    same_shape = (before.channels, before.halvings) == (output.channels, output.halvings)
    if spec.skip == "both" and same_shape:
        skips.append(before)
    return skips


def _reduction_skip(
    build: Builder, spec: NetworkSpec, name: str, value: Value, output: Value
) -> Value:
    if spec.reduction_skip == "pool":
        pooled = build.add(nodes.AvgPool, f"{name}.pool", value.name, kernel=2, stride=2)
        copies = output.channels // value.channels
        return attrs.evolve(
            output, name=build.add(nodes.Concat, f"{name}.repeat", *[pooled] * copies)
        )
    carried = build.batch_norm(f"{name}.bn", value)
    window = Window(2, stride=2)
    if spec.reduction_skip == "real":
        return build.conv(nodes.Conv, f"{name}.conv", carried, output.channels, window, bias=True)
    sign = build.sign(f"{name}.sign", carried)
    return build.conv(nodes.BinaryConv, f"{name}.conv", sign, output.channels, window)


def _keep_real_tail(built: list[nodes.Node], count: int) -> list[nodes.Node]:
    """Give the last `count` cell convolutions real weights, as in the published checkpoints."""
    if not count:
        return built
    cell_convs = [
        index
        for index, node in enumerate(built)
        if isinstance(node, nodes.BinaryConv) and node.role in ("preprocess", "op")
    ]
    for index in cell_convs[-count:]:
        conv = built[index]
        assert isinstance(conv, nodes.BinaryConv)
        built[index] = conv.as_real()
    return built
