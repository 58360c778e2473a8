"""The lines inside a cell, from outline to outline."""

from __future__ import annotations

import math

from bnas.cells.draw.grid import Grid
from bnas.cells.draw.ports import Ports
from bnas.cells.draw.records import Line
from bnas.cells.draw.routes import climb


def wires(grid: Grid) -> list[Line]:
    """Return a line for every connection but the skips.

    Args:
        grid: Positions of the cell.
    """
    ports = Ports(grid)
    lines = []
    for index, line in enumerate(grid.rows.connections):
        start, end = ports.ends(index)
        row = grid.rows.rank[line.source] + 1
        passages = [
            (grid.x[name], *band)
            for name, band in zip(grid.route(line)[1:-1], grid.bands[row:], strict=False)
        ]
        first = (start, 0.0, _edge(grid, line.source, start, 1))
        last = (end, _edge(grid, line.target, end, -1), 0.0)
        path = climb([first, *passages, last])
        lines.append(Line(line.source, line.target, path, line.slot, line.dotted, line.skip))
    return lines


def _edge(grid: Grid, name: str, x: float, side: int) -> float:
    """Return the height of the upper (1) or lower (-1) outline of a vertex at x."""
    half = grid.sizes[name].height / 2
    if grid.sizes[name].shape == "sum":
        half = math.sqrt(max(half**2 - (x - grid.x[name]) ** 2, 0.0))
    return grid.y[name] + side * half
