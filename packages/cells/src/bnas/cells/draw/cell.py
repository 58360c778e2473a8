"""From a network of cells to what a drawing shows of its normal or its reduction cell."""

from __future__ import annotations

import re

import attrs

from bnas.cells import nodes
from bnas.cells.darts import DartsSpec
from bnas.cells.draw.layers import layer_name
from bnas.cells.draw.structure import BEFORE, LAST, OUTPUT, CellStructure, Connection, Slot, Vertex
from bnas.cells.genotype import NUM_CELL_INPUTS
from bnas.cells.graph import Graph
from bnas.cells.prune import prune
from bnas.cells.spec import NetworkSpec

# A network of nine cells has, in cells 5 and 6, a normal and a reduction cell whose two inputs come
# from cells of one stage: all the skips that a cell can have are there.
_NUM_CELLS, _NORMAL, _REDUCTION = 9, 5, 6
# What `prune` calls a value that it knows to be zero everywhere.
_ZERO = "zero."


def cell_structure(
    spec: NetworkSpec | DartsSpec, *, reduction: bool = False, pruned: bool = False
) -> CellStructure:
    """Return what a drawing of one of the two cells of `spec` shows.

    The cell is one from the middle of a network: both of its inputs exist and hold any values.

    Args:
        spec: The network.
        reduction: The reduction cell instead of the normal one.
        pruned: Only what `prune` leaves; identities stay, which are skip connections to the reader.
    """
    network = attrs.evolve(spec, num_cells=_NUM_CELLS)
    if isinstance(network, NetworkSpec):
        network = attrs.evolve(network, real_weight_tail=0)
    index = _REDUCTION if reduction else _NORMAL
    inputs = {f"cell_{index - 2:02d}": BEFORE, f"cell_{index - 1:02d}": LAST}
    graph = cut(network.lower(), f"cell_{index:02d}", inputs)
    if pruned:
        graph = _renewed(prune(_renewed(graph, kept=True)), kept=False)
    groups: dict[str, list[nodes.Node]] = {}
    for node in graph.nodes[1:]:
        groups.setdefault(_group(node), []).append(node)
    states = [f"node {state - NUM_CELL_INPUTS}" for state in spec.genotype.concat]
    vertices = [_vertex(name, members, states) for name, members in groups.items()]
    vertices += [
        Vertex(name, "state", "state", name)
        for name in (BEFORE, LAST, OUTPUT)
        if name not in groups
    ]
    connections = _connections(graph)
    used = {name for item in connections for name in (item.source, item.target)}
    shown = [
        vertex if vertex.name in used else attrs.evolve(vertex, tone="unused")
        for vertex in vertices
        if vertex.kind != "zero" or vertex.name in used
    ]
    return CellStructure(tuple(shown), tuple(connections))


def cut(network: Graph, stage: str, inputs: dict[str, str]) -> Graph:
    """Return one stage as a graph of its own; a convolution stands for each stage it reads.

    Args:
        network: The whole network.
        stage: Tap of the stage, such as ``"cell_05"``.
        inputs: Tap of a stage that it reads -> what its value is to be called.
    """
    names = {network.taps[tap]: name for tap, name in inputs.items()}
    stand_ins = [
        # With a bias: its value is never known to be zero, whatever its input.
        nodes.Conv(
            name=name, inputs=(network.input.name,), in_channels=3, out_channels=1, bias=True
        )
        for name in names.values()
    ]
    cell = [node for node in network if node.cell == stage]
    renamed = [node.renamed(tuple(names.get(x, x) for x in node.inputs)) for node in cell]
    members: tuple[nodes.Node, ...] = (network.input, *stand_ins, *renamed)
    return Graph(nodes=members, output=cell[-1].name)


def _renewed(graph: Graph, *, kept: bool) -> Graph:
    """Return the graph with its identities as 1x1 max pools, which `prune` leaves, or back."""

    def renew(node: nodes.Node) -> nodes.Node:
        if kept and isinstance(node, nodes.Identity):
            kind: type[nodes.Node] = nodes.MaxPool
        elif not kept and isinstance(node, nodes.MaxPool) and node.kernel == 1:
            kind = nodes.Identity
        else:
            return node
        return kind(name=node.name, inputs=node.inputs, cell=node.cell, role=node.role)

    return attrs.evolve(graph, nodes=tuple(map(renew, graph)))


def _group(node: nodes.Node) -> str:
    """Name the vertex that a node is part of: a binary block is one layer to the reader."""
    if node.role == "preprocess":
        return BEFORE if ".preprocess0." in node.name else LAST
    found = re.match(r"cells\.\d+\.(ops\.\d+|node\.\d+|skip|concat|output)", node.name)
    return found[1] if found else node.name


def _vertex(name: str, members: list[nodes.Node], states: list[str]) -> Vertex:
    if name in (BEFORE, LAST):
        return Vertex(name, "state", "state", name)
    if name.startswith(_ZERO):
        return Vertex(name, "zero", "zero", "0")
    match members[-1]:
        case nodes.Concat() if name == "concat":
            zeros = [source.startswith(_ZERO) for source in members[-1].inputs]
            return Vertex(name, "concat", "concat", "", tuple(map(Slot, states, zeros)))
        case nodes.Add():
            label = name.replace(".", " ") if name.startswith("node") else ""
            return Vertex(name, "sum", "sum", label)
    return Vertex(name, "layer", *layer_name(members))


def _connections(graph: Graph) -> list[Connection]:
    lines = []
    for node in graph.nodes[1:]:
        target = _group(node)
        for place, name in enumerate(node.inputs):
            source = _group(graph[name])
            if source == target or name == graph.input.name:
                continue
            slot = place if target == "concat" else None
            if slot is None or not source.startswith(_ZERO):
                lines.append(Connection(source, target, slot))
    lines.append(Connection(_group(graph[graph.output]), OUTPUT))
    origins: dict[str, set[str]] = {}
    for line in lines:
        origins.setdefault(line.target, set()).add(line.source)
    return [_styled(line, origins) for line in lines]


def _styled(line: Connection, origins: dict[str, set[str]]) -> Connection:
    passed_on = line.source.startswith("ops.") and origins[line.source] == {BEFORE}
    joins = line.target in ("output", OUTPUT)
    skip = "skip" in (line.source, line.target) or (joins and line.source in (BEFORE, LAST))
    return attrs.evolve(line, dotted=line.source == BEFORE or passed_on, skip=skip)
