"""The lines inside a cell: where they leave, where they enter, and their paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

from bnas.cells.draw.columns import spread
from bnas.cells.draw.grid import Grid
from bnas.cells.draw.records import Line
from bnas.cells.draw.routes import climb

_Key = TypeVar("_Key")
_PORT_GAP = 9.0
# Both ends of a line look for a common axis in turn.
_ROUNDS = 3


def wires(grid: Grid) -> list[Line]:
    """Return a line for every connection but the skips.

    Args:
        grid: Positions of the cell.
    """
    leaving, entering = _ports(grid)
    lines = []
    for index, line in enumerate(grid.rows.connections):
        met = grid.route(line)
        start, end = leaving[line.source, _hop(grid, index)], entering[line.target, index]
        row = grid.rows.rank[line.source] + 1
        passages = [
            (grid.x[name], *band) for name, band in zip(met[1:-1], grid.bands[row:], strict=False)
        ]
        first = (start, 0.0, _edge(grid, line.source, start, 1))
        last = (end, _edge(grid, line.target, end, -1), 0.0)
        path = climb([first, *passages, last])
        lines.append(Line(line.source, line.target, path, line.slot, line.dotted, line.skip))
    return lines


def _hop(grid: Grid, index: int) -> str:
    """Name where a connection goes first; those that go on together share it."""
    first = grid.route(grid.rows.connections[index])[1]
    return first if "|" in first else f"{first} by {index}"


_Leaving = dict[tuple[str, str], float]
_Entering = dict[tuple[str, int], float]


def _ports(grid: Grid) -> tuple[_Leaving, _Entering]:
    """Return the x where lines leave (by hop) and enter (by index of the connection)."""
    leaving: _Leaving = {}
    entering: _Entering = {}
    for _ in range(_ROUNDS):
        into: dict[str, dict[int, float]] = {}
        out: dict[str, dict[str, float]] = {}
        for index, line in enumerate(grid.rows.connections):
            met, hop = grid.route(line), _hop(grid, index)
            direct = len(met) == 2
            start = leaving.get((line.source, hop), grid.x[line.source])
            into.setdefault(line.target, {})[index] = start if direct else grid.x[met[-2]]
        for name, aims in into.items():
            entering |= {(name, key): x for key, x in _spaced(grid, name, aims).items()}
        for index, line in enumerate(grid.rows.connections):
            met, hop = grid.route(line), _hop(grid, index)
            if line.slot is not None:
                entering[line.target, index] = grid.x[line.target] + grid.slot_offset(line)
            end = entering[line.target, index] if len(met) == 2 else grid.x[met[1]]
            out.setdefault(line.source, {})[hop] = end
        for name, ends in out.items():
            leaving |= {(name, key): x for key, x in _spaced(grid, name, ends).items()}
    return leaving, entering


def _spaced(grid: Grid, name: str, aims: Mapping[_Key, float]) -> dict[_Key, float]:
    """Return ports in the order of what they aim at: straight below or above it, or central."""
    axis, room = grid.x[name], grid.sizes[name].port_room
    keys = sorted(aims, key=aims.__getitem__)
    gap = min(_PORT_GAP, 2 * room / max(len(keys) - 1, 1))
    central = gap * (len(keys) - 1) / 2
    wanted = [
        aims[key]
        if abs(aims[key] - axis) <= room
        else axis + math.copysign(central, aims[key] - axis)
        for key in keys
    ]
    ports = spread(wanted, [1.0] * len(keys), [gap] * len(keys))
    return {key: min(max(x, axis - room), axis + room) for key, x in zip(keys, ports, strict=True)}


def _edge(grid: Grid, name: str, x: float, side: int) -> float:
    """Return the height of the upper (1) or lower (-1) outline of a vertex at x."""
    half = grid.sizes[name].height / 2
    if grid.sizes[name].shape == "sum":
        half = math.sqrt(max(half**2 - (x - grid.x[name]) ** 2, 0.0))
    return grid.y[name] + side * half
