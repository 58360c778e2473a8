"""`Grid`: where the vertices of a cell stand, and where the lines between them pass."""

from __future__ import annotations

from itertools import pairwise

from attrs import define, field

from bnas.cells.draw import style
from bnas.cells.draw.columns import Extent, Pull, columns
from bnas.cells.draw.order import Link, order_rows, total_crossings
from bnas.cells.draw.ranks import Rows, rows
from bnas.cells.draw.sizes import Size, size_of
from bnas.cells.draw.structure import BEFORE, LAST, CellStructure, Connection


@define
class Grid:
    """Positions in points, y upwards, the inputs at the bottom.

    A line that passes rows by has a place of its own in each of them, its passage; the lines of one
    source share their passages, a trunk from which they branch off.

    Attributes:
        structure: The cell.
        height: Height that the rows are to fill, in points, if that stretches no gap too far.
        sizes: Vertex -> its size.
        rows: The rows of the vertices.
        own_trunks: Sources whose line to the concatenation is not part of their trunk.
        order: Vertices and passages, row by row, from left to right.
        x: Vertex or passage -> its axis.
        y: Vertex or passage -> the middle of its row.
        bands: Bottom and top of every row; between them lines are vertical.
    """

    structure: CellStructure
    height: float = 0.0
    sizes: dict[str, Size] = field(init=False)
    rows: Rows = field(init=False)
    own_trunks: set[str] = field(factory=set)
    order: list[list[str]] = field(init=False)
    x: dict[str, float] = field(init=False)
    y: dict[str, float] = field(factory=dict)
    bands: list[tuple[float, float]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        """Place everything."""
        self.sizes = {vertex.name: size_of(vertex) for vertex in self.structure.vertices}
        self.rows = rows(self.structure)
        self._place()
        self._stack()

    def route(self, line: Connection) -> list[str]:
        """Name what a connection meets: its source, passages, its target."""
        low, high = self.rows.rank[line.source], self.rows.rank[line.target]
        own = line.slot is not None and line.source in self.own_trunks
        trunk = f"{line.source} to {line.target}" if own else line.source
        return [line.source, *(f"{trunk}|{row}" for row in range(low + 1, high)), line.target]

    def slot_offset(self, line: Connection) -> float:
        """Return how far right of its target's axis a connection ends."""
        if line.slot is None:
            return 0.0
        slots = len(self.structure.vertex(line.target).slots)
        return style.SLOT_WIDTH * (line.slot - (slots - 1) / 2)

    def reach(self, side: int) -> float:
        """Return how far everything reaches to the right (side 1) or to the left (-1)."""
        extents = self._extents(self.order)
        return max(
            side * self.x[name] + (extent.right if side > 0 else extent.left)
            for name, extent in extents.items()
        )

    def _place(self) -> None:
        """Order the rows and find the columns, with few crossings and then with short lines."""
        orders, fewest = self._ordered()
        for source in self._forked() if fewest else ():
            self.own_trunks.add(source)
            tried, found = self._ordered()
            if found < fewest:
                orders, fewest = tried, found
            else:
                self.own_trunks.remove(source)
        pulls, shortest = self._pulls(), float("inf")
        for order in orders:
            rows = [list(dict.fromkeys(name.split("#")[0] for name in row)) for row in order]
            x = columns(rows, self._extents(rows), pulls)
            aside = sum(abs(x[pull.low] - x[pull.high] - pull.offset) for pull in pulls)
            if aside < shortest:
                self.order, self.x, shortest = rows, x, aside

    def _forked(self) -> list[str]:
        """Name the sources that have, next to a long line to the concatenation, another one."""
        long = [line for line in self.rows.connections if len(self.route(line)) > 2]
        into_slots = {line.source for line in long if line.slot is not None}
        elsewhere = {line.source for line in long if line.slot is None}
        return sorted(into_slots & elsewhere)

    def _ordered(self) -> tuple[list[list[list[str]]], int]:
        """Return orders of vertices, passages and slots of a concatenation, and the crossings."""
        rank = self.rows.rank
        things: list[dict[str, None]] = [{} for _ in range(max(rank.values()) + 1)]
        sides = {BEFORE: -1, LAST: 1}
        for name in sorted(rank, key=lambda name: sides.get(name, 0)):
            slots = range(len(self.structure.vertex(name).slots))
            things[rank[name]].update(dict.fromkeys([f"{name}#{i}" for i in slots] or [name]))
        links: dict[Link, None] = {}
        for line in self.rows.connections:
            if line.source == "concat":
                continue
            met = self.route(line)
            for row, name in enumerate(met[1:-1], start=rank[line.source] + 1):
                things[row][name] = None
            met[-1] += "" if line.slot is None else f"#{line.slot}"
            links.update(dict.fromkeys(pairwise(met)))
        fixed = frozenset({0, rank.get("concat", 0)})
        orders = order_rows([list(row) for row in things], list(links), fixed)
        return orders, total_crossings(orders[0], list(links))

    def _extents(self, order: list[list[str]]) -> dict[str, Extent]:
        return {
            name: self.sizes[name].extent
            if name in self.sizes
            else Extent(0.0, 0.0, name.split("|")[0])
            for row in order
            for name in row
        }

    def _pulls(self) -> list[Pull]:
        pulls: dict[Pull, None] = {}
        for line in self.rows.connections:
            for low, high in pairwise(self.route(line)):
                offset = self.slot_offset(line) if high == line.target else 0.0
                pulls[Pull(low, high, offset)] = None
        return list(pulls)

    def _stack(self) -> None:
        """Find the heights: rows between which lines run far aside stand further apart."""
        heights = [
            max((self.sizes[name].height for name in row if name in self.sizes), default=0.0)
            for row in self.order
        ]
        gaps = [self._gap_above(row) for row in self.order]
        for chain in self.structure.skips():
            low = self.rows.rank[chain[0].source]
            high = self.rows.rank[chain[-1].target]
            lacking = self.lane_height(chain) - sum(gaps[low:high]) - sum(heights[low + 1 : high])
            for row in range(low, high):
                gaps[row] += max(lacking, 0.0) / (high - low)
        lacking = (self.height - sum(heights) - sum(gaps[:-1])) / max(len(gaps) - 1, 1)
        gaps = [gap + min(max(lacking, 0.0), style.MAX_STRETCH) for gap in gaps]
        bottom = 0.0
        for names, height, gap in zip(self.order, heights, gaps, strict=True):
            self.bands.append((bottom, bottom + height))
            self.y.update(dict.fromkeys(names, bottom + height / 2))
            bottom += height + gap

    def lane_height(self, chain: tuple[Connection, ...]) -> float:
        """Return the height that the layers on a skip connection need, with the lines between."""
        boxes = [self.sizes[line.target].height for line in chain[:-1]]
        return sum(boxes) + style.LANE_STEP * (len(boxes) + 1) if boxes else 0.0

    def _gap_above(self, row: list[str]) -> float:
        aside = [
            abs(self.x[low] - self.x[high])
            for line in self.rows.connections
            for low, high in pairwise(self.route(line))
            if low in row
        ]
        if len(self.order) <= 2:  # nothing but a skip connection, perhaps with a layer on it
            return style.MAX_ROW_GAP
        if all(len(row) == 1 for row in self.order):
            return style.CHAIN_GAP
        return min(style.ROW_GAP + 0.17 * max(aside, default=0.0), style.MAX_ROW_GAP)
