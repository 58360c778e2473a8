"""`lower`: from a `NetworkSpec` to its graph, every layer as published, nothing simplified.

The layers of the cells are those of `bnas.cells.lower_cell`, the stems those of `bnas.cells.stems`.

References:
    ECCV 2020 BNAS, Section 4.2. As in the published weights, cell 0 has no skip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from bnas.cells import nodes
from bnas.cells.builder import Builder, Value, Window
from bnas.cells.graph import Graph
from bnas.cells.lower_cell import CellLayers
from bnas.cells.stems import cifar_stem, imagenet_stem

if TYPE_CHECKING:
    from bnas.cells.spec import NetworkSpec


def lower(spec: NetworkSpec) -> Graph:
    """Return the graph of `spec`.

    Args:
        spec: The network; its logits are the graph's output of shape (num_classes, 1, 1).
    """
    build = Builder()
    stem = cifar_stem if spec.template == "cifar" else imagenet_stem
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


def _cell(
    build: Builder, spec: NetworkSpec, index: int, channels: int, inputs: tuple[Value, Value]
) -> Value:
    prefix = f"cells.{index}"
    reduction = index in spec.reductions
    width = channels * len(spec.genotype.concat)
    output = Value(f"{prefix}.concat", width, inputs[1].halvings + int(reduction))
    layers = CellLayers(build, spec.activation)
    states = _preprocess(layers, spec, prefix, channels, inputs)
    # The skip comes before the edges: whoever runs the graph in order can add these to it in place.
    skips = _skips(build, spec, index, output, inputs)
    output = layers.wire(prefix, spec.genotype, reduction, states)
    return build.add_up(f"{prefix}.output", output, *skips) if skips else output


def _preprocess(
    layers: CellLayers, spec: NetworkSpec, prefix: str, channels: int, inputs: tuple[Value, Value]
) -> list[Value]:
    before, last = inputs
    layers.build.role = "preprocess"
    if before.halvings == last.halvings:
        window, affine = Window(1), True
    else:
        window, affine = Window(3, stride=2, padding=1), spec.template == "imagenet"
    return [
        layers.block(f"{prefix}.preprocess0", before, channels, window, affine=affine),
        layers.block(f"{prefix}.preprocess1", last, channels, Window(1)),
    ]


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
