"""The inter-cell skip connections: around the cell, c(k-1) on the right and c(k-2) on the left."""

from __future__ import annotations

from bnas.cells.draw import style
from bnas.cells.draw.grid import Grid
from bnas.cells.draw.records import Line, Point
from bnas.cells.draw.routes import around
from bnas.cells.draw.structure import BEFORE, LAST, Connection

#: The layer that carries the skip over a reduction cell.
CARRIER = "skip"


def lanes(grid: Grid) -> tuple[list[Line], Point | None]:
    """Return the skip connections, and where the layer on one of them stands.

    Args:
        grid: Positions of the cell.
    """
    skips = [item for item in grid.structure.connections if item.skip]
    direct = [item for item in skips if CARRIER not in (item.source, item.target)]
    lines = [_direct(grid, item) for item in direct]
    carried = [item for item in skips if item not in direct]
    if not carried:
        return lines, None
    lower, upper = sorted(carried, key=lambda item: item.source == CARRIER)
    side, size = _side(lower.source), grid.sizes[CARRIER]
    # The layer may come as close as the line would, but no closer to what is there.
    lane = side * (grid.reach(side) + style.BOX_GAP + size.width / 2)
    start, end = _ends(grid, lower.source, upper.target, side)
    middle = (start[1] + end[1]) / 2
    below, above = (lane, middle - size.height / 2), (lane, middle + size.height / 2)
    lines.append(_line(lower, [start, (lane, start[1]), below]))
    lines.append(_line(upper, [above, (lane, end[1]), end]))
    return lines, (lane, middle)


def _direct(grid: Grid, item: Connection) -> Line:
    side = _side(item.source)
    lane = side * (grid.reach(side) + style.LANE_GAP)
    start, end = _ends(grid, item.source, item.target, side)
    return _line(item, [start, (lane, start[1]), (lane, end[1]), end])


def _side(source: str) -> int:
    return {LAST: 1, BEFORE: -1}[source]


def _ends(grid: Grid, source: str, target: str, side: int) -> tuple[Point, Point]:
    """Return where a skip leaves its source and enters its target, from the side."""
    ends = [
        (grid.x[name] + side * grid.sizes[name].width / 2, grid.y[name])
        for name in (source, target)
    ]
    return ends[0], ends[1]


def _line(item: Connection, corners: list[Point]) -> Line:
    return Line(item.source, item.target, around(corners), None, item.dotted, item.skip)
