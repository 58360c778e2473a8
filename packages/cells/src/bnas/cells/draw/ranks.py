"""Which row of the drawing each vertex stands in: inputs at the bottom, c(k) at the top."""

from __future__ import annotations

from attrs import define, field, frozen

from bnas.cells.draw.structure import OUTPUT, CellStructure, Connection, Vertex

#: Most layer boxes side by side: a wider row makes the type small on a page.
MAX_LAYERS_PER_ROW = 4


@frozen
class Rows:
    """The vertices of the cell proper, row by row, and the connections between them.

    Attributes:
        rank: Vertex -> row, counted from the inputs; no row is empty.
        connections: All but the skip connections, which run outside of the rows.
    """

    rank: dict[str, int]
    connections: tuple[Connection, ...]


@define
class _Ranker:
    """Places layers in odd rows and sums in even ones, each as low as its inputs allow."""

    structure: CellStructure
    connections: tuple[Connection, ...]
    rank: dict[str, int] = field(factory=dict)
    layers_in_row: dict[int, int] = field(factory=dict)

    def place(self, vertex: Vertex) -> None:
        if vertex.name in self.rank:
            return
        sources = self._sources(vertex)
        if vertex.kind == "sum":
            # The layers of a sum stand side by side right below it.
            layers = [source for source in sources if source.kind == "layer"]
            lowest = max((self._lowest(layer) for layer in layers), default=1)
            self._place_layers(
                [layer for layer in dict.fromkeys(layers) if layer.name not in self.rank], lowest
            )
            self.rank[vertex.name] = self._above(sources)
        elif vertex.kind == "layer":
            self._place_layers([vertex], self._lowest(vertex))

    def _sources(self, vertex: Vertex) -> list[Vertex]:
        lines = [line for line in self.connections if line.target == vertex.name]
        return [self.structure.vertex(line.source) for line in lines]

    def _above(self, sources: list[Vertex]) -> int:
        return max((self.rank[source.name] for source in sources), default=0) + 1

    def _lowest(self, layer: Vertex) -> int:
        """Return the lowest odd row above what a layer reads, which gets its own row before."""
        sources = self._sources(layer)
        for source in sources:
            self.place(source)
        return self._above([source for source in sources if source.kind != "zero"]) | 1

    def _place_layers(self, layers: list[Vertex], row: int) -> None:
        taken = self.layers_in_row
        while taken.get(row) and taken[row] + len(layers) > MAX_LAYERS_PER_ROW:
            row += 2
        for layer in layers:
            self.rank[layer.name] = row
        taken[row] = taken.get(row, 0) + len(layers)


def rows(structure: CellStructure) -> Rows:
    """Return the row of every vertex but the layers on skip connections.

    Args:
        structure: The cell.
    """
    inside = tuple(item for item in structure.connections if not item.skip)
    ranker = _Ranker(structure, inside)
    aside = structure.carriers
    placed = [vertex for vertex in structure.vertices if vertex.name not in aside]
    for vertex in placed:
        if vertex.kind == "state" and vertex.name != OUTPUT:
            ranker.rank[vertex.name] = 0
    # Sums first: they place their layers, the other layers stand as low as they can.
    for vertex in sorted(placed, key=lambda vertex: vertex.kind != "sum"):
        if vertex.name != "output":
            ranker.place(vertex)
    rank = ranker.rank
    for vertex in placed:
        if vertex.kind == "zero":
            readers = [rank.get(item.target, 1) for item in inside if item.source == vertex.name]
            rank[vertex.name] = min(readers) - 1
    # What joins the nodes stands above all of them.
    for name in ("concat", "output", OUTPUT):
        if any(vertex.name == name for vertex in placed):
            rank[name] = max(rank.values()) + 1
    used = {row: index for index, row in enumerate(sorted(set(rank.values())))}
    return Rows({name: used[row] for name, row in rank.items()}, inside)
