"""The skip connections: around the cell, c(k-1) on the right and c(k-2) on the left."""

from __future__ import annotations

from itertools import pairwise

from bnas.cells.draw import style
from bnas.cells.draw.grid import Grid
from bnas.cells.draw.records import Line, Point
from bnas.cells.draw.routes import around
from bnas.cells.draw.structure import LAST, Connection


def lanes(grid: Grid) -> tuple[list[Line], dict[str, Point]]:
    """Return the skip connections, and where the layers on them stand.

    Args:
        grid: Positions of the cell.
    """
    lines: list[Line] = []
    places: dict[str, Point] = {}
    for chain in grid.structure.skips():
        made, carriers = _lane(grid, chain)
        lines += made
        places |= carriers
    return lines, places


def _lane(grid: Grid, chain: tuple[Connection, ...]) -> tuple[list[Line], dict[str, Point]]:
    """Return the lines of one skip connection, and the positions of its layers."""
    # A skip from within a block is on the side where none enters its source.
    side = 1 if chain[0].source == LAST else -1
    names = [line.target for line in chain[:-1]]
    # A layer may come as close as the line would, but no closer to what is there.
    half_widths = [grid.sizes[name].width / 2 for name in names]
    aside = style.BOX_GAP + max(half_widths) if names else style.LANE_GAP
    lane = side * (grid.reach(side) + aside)
    start, end = _ends(grid, chain[0].source, chain[-1].target, side)
    heights = [grid.sizes[name].height for name in names]
    step = (end[1] - start[1] - sum(heights)) / (len(names) + 1)
    stops: list[Point] = []
    y = start[1]
    for height in heights:
        stops += [(lane, y + step), (lane, y + step + height)]
        y += step + height
    corners = [[(lane, start[1])], *([] for _ in chain[1:-1]), [(lane, end[1])]]
    if len(chain) == 1:
        corners = [[(lane, start[1]), (lane, end[1])]]
    ends = [start, *stops, end]
    lines = [
        Line(line.source, line.target, around([low, *bends, high]), None, line.dotted, line.skip)
        for line, low, bends, high in zip(chain, ends[::2], corners, ends[1::2], strict=True)
    ]
    middles = {
        name: (lane, (low[1] + high[1]) / 2)
        for name, (low, high) in zip(names, list(pairwise(stops))[::2], strict=True)
    }
    return lines, middles


def _ends(grid: Grid, source: str, target: str, side: int) -> tuple[Point, Point]:
    """Return where a skip leaves its source and enters its target, from the side."""
    ends = [
        (grid.x[name] + side * grid.sizes[name].width / 2, grid.y[name])
        for name in (source, target)
    ]
    return ends[0], ends[1]
