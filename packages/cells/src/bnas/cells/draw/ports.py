"""Where lines leave and enter the outlines: straight above or below one another if they can."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from attrs import define, field

from bnas.cells.draw.grid import Grid

_Key = TypeVar("_Key")
_PORT_GAP = 9.0
# How far from the middle of its slot a line may enter a concatenation, if that makes it straight.
_SLOT_ROOM = 15.0
# Lines that can be straight give way to no others.
_STRAIGHT_WEIGHT = 1000.0
# Both ends of a line look for a common axis in turn.
_ROUNDS = 3


def spread(wanted: Sequence[float], weights: Sequence[float], gap: float) -> list[float]:
    """Return the positions nearest to the wanted ones (least squares) that keep a distance.

    Args:
        wanted: Wanted positions from left to right.
        weights: How much each of them counts.
        gap: Least distance of neighbours.
    """
    # Pool adjacent violators: what would be too close becomes a block around its mean.
    blocks: list[tuple[float, float, int]] = []
    for place, (want, weight) in enumerate(zip(wanted, weights, strict=True)):
        mean, mass, count = want - place * gap, weight, 1
        while blocks and blocks[-1][0] >= mean:
            other, other_mass, other_count = blocks.pop()
            mean = (mean * mass + other * other_mass) / (mass + other_mass)
            mass, count = mass + other_mass, count + other_count
        blocks.append((mean, mass, count))
    packed = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + place * gap for place, mean in enumerate(packed)]


@define
class Ports:
    """Both ends of every line of a cell but the skips.

    Attributes:
        grid: Positions of the cell.
        leaving: Source and first stop -> x where the line leaves; lines to one passage share it.
        entering: Index of the connection -> x where it enters its target.
    """

    grid: Grid
    leaving: dict[tuple[str, str], float] = field(factory=dict)
    entering: dict[int, float] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Find the ends."""
        for _ in range(_ROUNDS):
            self._enter()
            self._leave()
        self._enter()

    def ends(self, index: int) -> tuple[float, float]:
        """Return the x where a connection leaves its source, and where it enters its target."""
        return self.leaving[self._leaves(index)], self.entering[index]

    def _leaves(self, index: int) -> tuple[str, str]:
        source, stop, *rest = self.grid.route(self.grid.rows.connections[index])
        return source, stop if rest else f"{stop} by {index}"

    def _enter(self) -> None:
        aims: dict[str, dict[int, float]] = {}
        for index, line in enumerate(self.grid.rows.connections):
            before = self.grid.route(line)[-2]
            aim = self.grid.x[before]
            if before == line.source:
                aim = self.leaving.get(self._leaves(index), aim)
            if line.slot is None:
                aims.setdefault(line.target, {})[index] = aim
            else:
                middle = self.grid.x[line.target] + self.grid.slot_offset(line)
                self.entering[index] = aim if abs(aim - middle) <= _SLOT_ROOM else middle
        for name, wanted in aims.items():
            self.entering |= self._spaced(name, wanted)

    def _leave(self) -> None:
        aims: dict[str, dict[tuple[str, str], float]] = {}
        for index, line in enumerate(self.grid.rows.connections):
            stop = self.grid.route(line)[1]
            aim = self.entering[index] if stop == line.target else self.grid.x[stop]
            aims.setdefault(line.source, {})[self._leaves(index)] = aim
        for name, wanted in aims.items():
            self.leaving |= self._spaced(name, wanted)

    def _spaced(self, name: str, aims: Mapping[_Key, float]) -> dict[_Key, float]:
        """Return ports in the order of what they aim at: right at it, else about the middle."""
        axis, room = self.grid.x[name], self.grid.sizes[name].port_room
        keys = sorted(aims, key=aims.__getitem__)
        gap = min(_PORT_GAP, 2 * room / max(len(keys) - 1, 1))
        aside = gap * (len(keys) - 1) / 2
        offsets = [aims[key] - axis for key in keys]
        straight = [abs(offset) <= room for offset in offsets]
        wanted = [
            axis + (offset if fits else math.copysign(aside, offset))
            for offset, fits in zip(offsets, straight, strict=True)
        ]
        weights = [_STRAIGHT_WEIGHT if fits else 1.0 for fits in straight]
        ports = spread(wanted, weights, gap)
        reach = max(abs(port - axis) for port in ports)
        if reach > room:  # closer together: at the end of the room they would all be one
            ports = spread(wanted, weights, gap * room / reach)
        ports = [min(max(port, axis - room), axis + room) for port in ports]
        return dict(zip(keys, ports, strict=True))
