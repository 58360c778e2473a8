"""`CellStructure`: what a drawing of a cell shows, read from the cell's part of the graph."""

from __future__ import annotations

import re
from typing import Literal

import attrs
from attrs import frozen

from bnas.cells import nodes
from bnas.cells.genotype import NUM_CELL_INPUTS
from bnas.cells.graph import Graph
from bnas.cells.prune import prune
from bnas.cells.spec import NetworkSpec

VertexKind = Literal["state", "layer", "sum", "concat", "zero"]

BEFORE, LAST, OUTPUT = "c(k-2)", "c(k-1)", "c(k)"
# A network of nine cells has, in cells 5 and 6, a normal and a reduction cell whose two inputs come
# from cells of one stage: all the skips that a cell can have are there.
_NUM_CELLS, _NORMAL, _REDUCTION = 9, 5, 6
# What `prune` calls a value that it knows to be zero everywhere.
_ZERO = "zero."


@frozen
class Slot:
    """One place of the concatenation.

    Attributes:
        label: The node that fills it.
        zero: Whether nothing but zeros is put there.
    """

    label: str
    zero: bool = False


@frozen
class Vertex:
    """One box or circle of the drawing.

    Attributes:
        name: Unique: ``c(k-2)``, ``ops.3`` (edge 3 of the genotype), ``node.1``, ``concat``,
            ``skip``, ``output`` (the sum with the skips), ``c(k)``.
        kind: What it stands for.
        tone: Key of `style.TONES`.
        label: Text for the reader.
        slots: Places of a concatenation, in order.
    """

    name: str
    kind: VertexKind
    tone: str
    label: str
    slots: tuple[Slot, ...] = ()


@frozen
class Connection:
    """One line of the drawing.

    Attributes:
        source: Name of the vertex it leaves.
        target: Name of the vertex it enters.
        slot: The place of the concatenation it fills.
        dotted: Whether it carries c(k-2), or a layer of c(k-2) alone.
        skip: Whether it is part of an inter-cell skip connection.
    """

    source: str
    target: str
    slot: int | None = None
    dotted: bool = False
    skip: bool = False


@frozen
class CellStructure:
    """A cell as vertices, in order of computation, and the connections between them."""

    vertices: tuple[Vertex, ...]
    connections: tuple[Connection, ...]

    def vertex(self, name: str) -> Vertex:
        """Return the vertex called `name`."""
        return next(vertex for vertex in self.vertices if vertex.name == name)

    def into(self, name: str) -> tuple[Connection, ...]:
        """Return the connections that enter a vertex, in order."""
        return tuple(item for item in self.connections if item.target == name)

    def describe(self) -> str:
        """Return the cell in words, for readers who do not see the drawing."""
        named = [vertex for vertex in self.vertices if vertex.kind == "sum" and vertex.label]
        lines = [f"{vertex.label} = {self._inputs(vertex.name)}" for vertex in named]
        return "; ".join([*lines, f"{OUTPUT} = {self._inputs(OUTPUT)}"])

    def _inputs(self, name: str) -> str:
        return " + ".join(
            self._value(item.source) + " (skip connection)" * (item.skip and item.target != "skip")
            for item in self.into(name)
        )

    def _value(self, name: str) -> str:
        vertex = self.vertex(name)
        if vertex.kind == "layer":
            return f"{vertex.label} of {self._inputs(name)}"
        if vertex.kind == "concat":
            filled = {item.slot: self._value(item.source) for item in self.into(name)}
            return f"concat({', '.join(filled.get(i, '0') for i in range(len(vertex.slots)))})"
        return vertex.label or self._inputs(name)


def cell_structure(
    spec: NetworkSpec, *, reduction: bool = False, pruned: bool = False
) -> CellStructure:
    """Return what a drawing of one of the two cells of `spec` shows.

    The cell is one from the middle of a network: both of its inputs exist and hold any values.

    Args:
        spec: The network.
        reduction: The reduction cell instead of the normal one.
        pruned: Only what `prune` leaves.
    """
    network = attrs.evolve(spec, num_cells=_NUM_CELLS, real_weight_tail=0).lower()
    graph = _cut(network, _REDUCTION if reduction else _NORMAL)
    graph = prune(graph) if pruned else graph
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


def _cut(network: Graph, index: int) -> Graph:
    """Return one cell as a graph of its own; a convolution stands for each cell before it."""
    names = {
        network.taps[f"cell_{index - 2:02d}"]: BEFORE,
        network.taps[f"cell_{index - 1:02d}"]: LAST,
    }
    stand_ins = [
        # With a bias: its value is never known to be zero, whatever its input.
        nodes.Conv(
            name=name, inputs=(network.input.name,), in_channels=3, out_channels=1, bias=True
        )
        for name in names.values()
    ]
    cell = [node for node in network if node.cell == f"cell_{index:02d}"]
    renamed = [node.renamed(tuple(names.get(x, x) for x in node.inputs)) for node in cell]
    members: tuple[nodes.Node, ...] = (network.input, *stand_ins, *renamed)
    return Graph(nodes=members, output=cell[-1].name)


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
    tone, label = next(found for found in map(_layer, members) if found)
    return Vertex(name, "layer", tone, label)


def _layer(node: nodes.Node) -> tuple[str, str] | None:
    """Return tone and label of a node that gives its group a name."""
    match node:
        case nodes.Zero():
            return "zeroise", "Zeroise"
        case nodes.BinaryConv(dilation=1):
            return "binary_conv", f"{_size(node)} binary conv{_stride(node)}"
        case nodes.BinaryConv():
            label = f"{_size(node)} dilated binary conv{_stride(node)}, d={node.dilation}"
            return "dilated_binary_conv", label
        case nodes.Conv():
            return "real_conv", f"{_size(node)} real conv{_stride(node)}"
        case nodes.MaxPool():
            return "max_pool", f"{_size(node)} max pool{_stride(node)}"
        case nodes.AvgPool():
            return "avg_pool", f"{_size(node)} average pool{_stride(node)}"
    return None


def _size(node: nodes.Conv | nodes.MaxPool | nodes.AvgPool) -> str:
    return f"{node.kernel}×{node.kernel}"


def _stride(node: nodes.Conv | nodes.MaxPool | nodes.AvgPool) -> str:
    return f" /{node.stride}" if node.stride > 1 else ""


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
