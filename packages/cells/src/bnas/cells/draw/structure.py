"""`CellStructure`: what a drawing shows of a cell or of a residual block."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

VertexKind = Literal["state", "layer", "sum", "concat", "zero"]

BEFORE, LAST, OUTPUT = "c(k-2)", "c(k-1)", "c(k)"


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
        name: Unique: ``c(k-2)``, ``c(k-1)``, ``c(k)``; else what the graph calls it inside of the
            cell: ``ops.3`` (edge 3 of the genotype), ``node.1``, ``concat``, ``skip``, ``output``
            (the sum with the skips); in a block ``conv1``, ``add2``, ``downsample.0``.
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
        skip: Whether it is part of a skip connection around layers of the cell.
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

    def skips(self) -> list[tuple[Connection, ...]]:
        """Return every skip connection, from its source through the layers on it to its sum."""
        lines = [item for item in self.connections if item.skip]
        onwards = {line.source: line for line in lines if line.source in self.carriers}
        chains = []
        for start in lines:
            if start.source not in onwards:
                chain = [start]
                while chain[-1].target in onwards:
                    chain.append(onwards[chain[-1].target])
                chains.append(tuple(chain))
        return chains

    @property
    def carriers(self) -> frozenset[str]:
        """Names of the layers on skip connections."""
        ends = {item.target for item in self.connections if item.skip}
        return frozenset(v.name for v in self.vertices if v.kind == "layer" and v.name in ends)

    def describe(self) -> str:
        """Return the cell in words, for readers who do not see the drawing."""
        named = [vertex for vertex in self.vertices if vertex.kind == "sum" and vertex.label]
        lines = [f"{vertex.label} = {self._inputs(vertex.name)}" for vertex in named]
        (last, *others) = self.into(OUTPUT)
        unnamed_sum = not others and self.vertex(last.source).kind == "sum"
        value = self._inputs(last.source if unnamed_sum else OUTPUT)
        return "; ".join([*lines, f"{OUTPUT} = {value}"])

    def _inputs(self, name: str) -> str:
        joins = self.vertex(name).kind != "layer"
        return " + ".join(
            self._value(item.source) + " (skip connection)" * (item.skip and joins)
            for item in self.into(name)
        )

    def _value(self, name: str) -> str:
        vertex = self.vertex(name)
        if vertex.kind == "layer":
            return f"{vertex.label} of {self._inputs(name)}"
        if vertex.kind == "concat":
            filled = {item.slot: self._value(item.source) for item in self.into(name)}
            return f"concat({', '.join(filled.get(i, '0') for i in range(len(vertex.slots)))})"
        return vertex.label or f"({self._inputs(name)})"
