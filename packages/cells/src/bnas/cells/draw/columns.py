"""Where the things of a row stand from left to right: close to what they are linked to, apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field, frozen

from bnas.cells.draw.style import BOX_GAP

_ROUNDS = 60
# Pull of a line that passes rows by, against 1 for a line to a box: long lines should be straight.
_LONG_PULL = 6.0
_IMMOVABLE = 1e7


@frozen
class Extent:
    """How far a thing reaches from its axis, in points.

    Attributes:
        left: To the left.
        right: To the right.
        trunk: The vertex whose line this is, for a line that passes the row.
        anchor: Whether it stays where it is while lines are straightened.
    """

    left: float
    right: float
    trunk: str | None = None
    anchor: bool = False


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


def spread(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return the positions nearest to the wanted ones (weighted squares) that keep the gaps.

    Args:
        wanted: Wanted positions, in the order of the things.
        weights: How much each one counts.
        gaps: Least distance of each thing from its left neighbour; the first is not used.
    """
    shifts, total = [], 0.0
    for index, gap in enumerate(gaps):
        total += gap if index else 0.0
        shifts.append(total)
    # Pool adjacent violators: what would overlap becomes a block that moves as one.
    blocks: list[tuple[float, float, int]] = []
    for want, weight, shift in zip(wanted, weights, shifts, strict=True):
        mean, mass, count = want - shift, weight, 1
        while blocks and blocks[-1][0] >= mean:
            other_mean, other_mass, other_count = blocks.pop()
            mean = (mean * mass + other_mean * other_mass) / (mass + other_mass)
            mass, count = mass + other_mass, count + other_count
        blocks.append((mean, mass, count))
    placed = [mean for mean, _, count in blocks for _ in range(count)]
    return [place + shift for place, shift in zip(placed, shifts, strict=True)]


@define
class _Columns:
    rows: Sequence[Sequence[str]]
    extents: Mapping[str, Extent]
    pulls: Sequence[Pull]
    x: dict[str, float] = field(factory=dict)
    straight: set[str] = field(factory=set)
    linked: dict[str, list[tuple[str, float, float]]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for row in self.rows:
            for name, gap in zip(row, self._gaps(row), strict=True):
                left = list(self.x.values())[-1] if name != row[0] else -gap
                self.x[name] = left + gap
        self.linked = {name: [] for name in self.x}
        for pull in self.pulls:
            ends = (self.extents[pull.low].trunk, self.extents[pull.high].trunk)
            weight = _LONG_PULL if any(ends) else 1.0
            self.linked[pull.low].append((pull.high, pull.offset, weight))
            self.linked[pull.high].append((pull.low, -pull.offset, weight))

    def _gaps(self, row: Sequence[str]) -> list[float]:
        extents = [self.extents[name] for name in row]
        pairs = zip(extents, extents[1:], strict=False)
        return [0.0, *(left.right + BOX_GAP + right.left for left, right in pairs)]

    def relax(self) -> None:
        """Move every row, in turn, to where its lines are shortest."""
        for round_ in range(_ROUNDS):
            for row in self.rows if round_ % 2 else list(self.rows)[::-1]:
                wanted, weights = [], []
                for name in row:
                    want, weight = self._wish(name)
                    wanted.append(want)
                    weights.append(weight)
                self.x.update(zip(row, spread(wanted, weights, self._gaps(row)), strict=True))

    def _wish(self, name: str) -> tuple[float, float]:
        if name in self.straight:
            return self.x[name], _IMMOVABLE
        mass = sum(weight for _, _, weight in self.linked[name])
        if not mass:
            return self.x[name], 0.01
        pulled = sum((self.x[other] + off) * weight for other, off, weight in self.linked[name])
        return pulled / mass, mass

    def straighten(self) -> None:
        """Make the lines that pass rows by vertical, over as many rows as there is room."""
        self.straight.update(name for name in self.x if self.extents[name].anchor)
        trunks: dict[str, list[str]] = {}
        for name in self.x:
            if (trunk := self.extents[name].trunk) is not None:
                trunks.setdefault(trunk, []).append(name)
        for parts in sorted(trunks.values(), key=len, reverse=True):
            run: list[str] = []
            low, high = float("-inf"), float("inf")
            for name in parts:
                room_low, room_high = self._room(name)
                if max(low, room_low) > min(high, room_high):
                    self._align(run, low, high)
                    run, low, high = [], float("-inf"), float("inf")
                run.append(name)
                low, high = max(low, room_low), min(high, room_high)
            self._align(run, low, high)
            self.relax()

    def _room(self, name: str) -> tuple[float, float]:
        """Return the places between those neighbours that stay; the others make room."""
        row = next(row for row in self.rows if name in row)
        gaps, place = self._gaps(row), list(row).index(name)
        low, taken = float("-inf"), 0.0
        for index in range(place, 0, -1):
            taken += gaps[index]
            if row[index - 1] in self.straight:
                low = self.x[row[index - 1]] + taken
                break
        high, taken = float("inf"), 0.0
        for index in range(place + 1, len(row)):
            taken += gaps[index]
            if row[index] in self.straight:
                high = self.x[row[index]] - taken
                break
        return low, high

    def _align(self, run: list[str], low: float, high: float) -> None:
        """Put a run on one axis: that of an end of the line if there is room, so that it meets it."""
        mean = sum(self.x[name] for name in run) / len(run)
        ends = {
            self.x[other] + offset: other
            for name in run
            for other, offset, _ in self.linked[name]
            if other not in run
        }
        reachable = [place for place in ends if low <= place <= high]
        axis = min(max(mean, low), high)
        if reachable:
            axis = min(reachable, key=lambda place: abs(place - mean))
            self.straight.add(ends[axis])
        self.x.update(dict.fromkeys(run, axis))
        self.straight.update(run)


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
    state.relax()
    state.straighten()
    state.relax()
    return state.x
