"""Where the things of a row stand from left to right: lines short and straight, nothing touching.

Lines are springs, and so is the lack of room between neighbours, ever stiffer; what a straight line
connects moves as one. (Sorting out each row by itself, the others fixed, leaves long lines snaking:
no row can move alone.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from attrs import define, field, frozen

from bnas.cells.draw.style import BOX_GAP

_STIFFNESS = (0.5, 2.0, 8.0, 40.0, 200.0)
_ROUNDS = 40
# Pull of a line that passes rows by, against 1 for a line between two boxes.
_LONG_PULL = 2.0
# A line that is this close to vertical, in points, is made so.
_SNAP = 15.0


@frozen
class Extent:
    """How far a thing reaches from its axis, in points.

    Attributes:
        left: To the left.
        right: To the right.
        trunk: The line that this is, for a line that passes the row by.
    """

    left: float
    right: float
    trunk: str | None = None


@frozen
class Pull:
    """A line between two things; it wants to be vertical.

    Attributes:
        low: The thing below.
        high: The thing above.
        offset: Where the line enters `high`, in points right of its axis.
    """

    low: str
    high: str
    offset: float = 0.0


@define
class _Columns:
    """Things in blocks that move as one; a block's position is that of its first thing."""

    rows: Sequence[Sequence[str]]
    extents: Mapping[str, Extent]
    pulls: Sequence[Pull]
    block: dict[str, str] = field(factory=dict)
    shift: dict[str, float] = field(factory=dict)
    x: dict[str, float] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for row in self.rows:
            places = [0.0]
            for left, right in pairwise(row):
                places.append(places[-1] + self._gap(left, right))
            middle = places[-1] / 2
            self.x.update(zip(row, (place - middle for place in places), strict=True))
        self.block = {name: name for name in self.x}
        self.shift = dict.fromkeys(self.x, 0.0)

    def _gap(self, left: str, right: str) -> float:
        return self.extents[left].right + BOX_GAP + self.extents[right].left

    def _neighbours(self) -> Iterator[tuple[str, str, float]]:
        """Yield two blocks and the least distance of the right one from the left one."""
        for row in self.rows:
            for left, right in pairwise(row):
                shift = self.shift[left] - self.shift[right]
                yield self.block[left], self.block[right], self._gap(left, right) + shift

    def from_left(self) -> list[str] | None:
        """Return the blocks from left to right, or None if no such order exists."""
        right_of: dict[str, list[str]] = {name: [] for name in self.block.values()}
        waits = dict.fromkeys(right_of, 0)
        for left, right, _ in self._neighbours():
            right_of[left].append(right)
            waits[right] += 1
        free = [name for name, count in waits.items() if not count]
        for name in free:
            for other in right_of[name]:
                waits[other] -= 1
                if not waits[other]:
                    free.append(other)
        return free if len(free) == len(right_of) else None

    def join(self, pull: Pull) -> None:
        """Make a line vertical, unless then two blocks were left of each other."""
        kept, moved = self.block[pull.low], self.block[pull.high]
        if kept == moved:
            return
        block, shift = self.block.copy(), self.shift.copy()
        by = self.shift[pull.low] - pull.offset - self.shift[pull.high]
        for name, other in block.items():
            if other == moved:
                self.block[name] = kept
                self.shift[name] += by
        if self.from_left() is None:
            self.block, self.shift = block, shift

    def settle(self) -> None:
        """Let the springs pull, then take away what little overlap is left."""
        members: dict[str, list[str]] = {}
        for name, block in self.block.items():
            members.setdefault(block, []).append(name)
        at = {
            block: sum(self.x[name] - self.shift[name] for name in names) / len(names)
            for block, names in members.items()
        }
        springs = self._springs()
        tight = self._tight()
        for stiffness in _STIFFNESS:
            for turn in range(_ROUNDS):
                for block in at if turn % 2 else reversed(at):
                    self._move(block, at, springs[block], tight[block], stiffness)
        for right in self.from_left() or ():
            for left, gap, side in tight[right]:
                if side > 0:
                    at[right] = max(at[right], at[left] + gap)
        self.x = {name: at[block] + self.shift[name] for name, block in self.block.items()}

    def _springs(self) -> dict[str, list[tuple[str, float, float]]]:
        springs: dict[str, list[tuple[str, float, float]]] = {b: [] for b in self.block.values()}
        for pull in self.pulls:
            low, high = self.block[pull.low], self.block[pull.high]
            long = self.extents[pull.low].trunk or self.extents[pull.high].trunk
            weight = _LONG_PULL if long else 1.0
            offset = self.shift[pull.high] + pull.offset - self.shift[pull.low]
            if low != high:
                springs[low].append((high, offset, weight))
                springs[high].append((low, -offset, weight))
        return springs

    def _tight(self) -> dict[str, list[tuple[str, float, int]]]:
        """Return for every block its neighbours, least distances, and 1 if they are on its left."""
        tight: dict[str, list[tuple[str, float, int]]] = {b: [] for b in self.block.values()}
        for left, right, gap in self._neighbours():
            tight[left].append((right, gap, -1))
            tight[right].append((left, gap, 1))
        return tight

    @staticmethod
    def _move(
        block: str,
        at: dict[str, float],
        springs: list[tuple[str, float, float]],
        tight: list[tuple[str, float, int]],
        stiffness: float,
    ) -> None:
        mass = pulled = 0.0
        for other, offset, weight in springs:
            mass += weight
            pulled += weight * (at[other] + offset)
        for other, gap, side in tight:
            wanted = at[other] + side * gap
            if (at[block] - wanted) * side < 0:
                mass += stiffness
                pulled += stiffness * wanted
        if mass:
            at[block] = pulled / mass

    def straighten(self) -> None:
        """Join what is all but straight, the straightest first."""
        aside = {p: abs(self.x[p.low] - self.x[p.high] - p.offset) for p in self.pulls}
        for pull in sorted(self.pulls, key=aside.__getitem__):
            if aside[pull] < _SNAP:
                self.join(pull)


def columns(
    rows: Sequence[Sequence[str]], extents: Mapping[str, Extent], pulls: Sequence[Pull]
) -> dict[str, float]:
    """Return the horizontal position of the axis of every thing, in points.

    Args:
        rows: Names in order, row by row, from the bottom.
        extents: Name -> how far it reaches.
        pulls: Lines between neighbouring rows.
    """
    state = _Columns(rows, extents, pulls)
    for pull in pulls:
        trunk = extents[pull.low].trunk
        if trunk is not None and trunk == extents[pull.high].trunk:
            state.join(pull)
    state.settle()
    state.straighten()
    state.settle()
    return state.x
