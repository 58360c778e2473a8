"""From a residual network to what a drawing shows of its blocks."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from bnas.cells import nodes
from bnas.cells.draw.cell import cut
from bnas.cells.draw.layers import layer_name
from bnas.cells.draw.structure import LAST, OUTPUT, CellStructure, Connection, Vertex
from bnas.cells.graph import Graph
from bnas.cells.resnet import ResNetSpec

# A network of two stages of two blocks has one of each kind whose input comes from another block.
_BLOCKS = (2, 2)
_NORMAL = ("layer1.0", "layer1.1")
_DOWNSAMPLING = ("layer1.1", "layer2.0")


def block_structure(spec: ResNetSpec, *, reduction: bool = False) -> CellStructure:
    """Return what a drawing of a block of `spec` shows: c(k-1) is the output of the block before.

    Batch norm, sign and activation go without saying, as in cells: a vertex is a convolution with
    what belongs to it, a pooling or a sum.

    Args:
        spec: The network.
        reduction: The block that halves the size instead of one that keeps it.
    """
    before, stage = _DOWNSAMPLING if reduction else _NORMAL
    graph = cut(attrs.evolve(spec, blocks=_BLOCKS).lower(), stage, {before: LAST})
    shown = [node for node in graph.nodes[2:] if _is_shown(node)]
    prefix = f"{stage}."
    vertices = [
        Vertex(LAST, "state", "state", LAST),
        *(_vertex(node, prefix) for node in shown),
        Vertex(OUTPUT, "state", "state", OUTPUT),
    ]
    connections = [
        Connection(_source(graph, name, prefix), node.name.removeprefix(prefix))
        for node in shown
        for name in node.inputs
    ]
    connections.append(Connection(_source(graph, graph.output, prefix), OUTPUT))
    on_skips = {node.name.removeprefix(prefix) for node in shown if node.role == "skip"}
    kinds = {vertex.name: vertex.kind for vertex in vertices}
    styled = tuple(_styled(line, kinds, on_skips) for line in connections)
    return CellStructure(tuple(vertices), styled)


def _is_shown(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Conv | nodes.MaxPool | nodes.AvgPool | nodes.Add)


def _vertex(node: nodes.Node, prefix: str) -> Vertex:
    name = node.name.removeprefix(prefix)
    if isinstance(node, nodes.Add):
        return Vertex(name, "sum", "sum", "")
    return Vertex(name, "layer", *layer_name([node]))


def _source(graph: Graph, name: str, prefix: str) -> str:
    """Name the vertex from which a value comes, past what goes without saying."""
    node = graph[name]
    while not _is_shown(node):
        node = graph[node.inputs[0]]
    return node.name.removeprefix(prefix)


def _styled(line: Connection, kinds: Mapping[str, str], on_skips: set[str]) -> Connection:
    """Mark what passes by the convolutions: layers of shortcuts, and sums that read no layer."""
    passes = kinds[line.target] == "sum" and kinds[line.source] != "layer"
    return attrs.evolve(line, skip=passes or bool({line.source, line.target} & on_skips))
