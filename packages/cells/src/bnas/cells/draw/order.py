"""In which order the things of a row stand, so that few lines cross."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, pairwise

from attrs import define, field

#: A line between two neighbouring rows: the thing below, the thing above.
Link = tuple[str, str]
_STARTS = 8
_SWEEPS = 10
_CANDIDATES = 12


def crossings(below: Sequence[str], above: Sequence[str], links: Iterable[Link]) -> int:
    """Return how many pairs of lines between two rows cross.

    Args:
        below: Order of the lower row.
        above: Order of the upper row.
        links: Lines; those between other rows do not count.
    """
    low = {name: place for place, name in enumerate(below)}
    high = {name: place for place, name in enumerate(above)}
    ends = [(low[a], high[b]) for a, b in links if a in low and b in high]
    return sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(ends, 2))


def total_crossings(rows: Sequence[Sequence[str]], links: Sequence[Link]) -> int:
    """Return how many pairs of lines cross between all the rows.

    Args:
        rows: Names in order, row by row, from the bottom.
        links: Lines between neighbouring rows.
    """
    return sum(crossings(below, above, links) for below, above in pairwise(rows))


@define
class _Sorter:
    rows: list[list[str]]
    links: Sequence[Link]
    fixed: frozenset[int]
    leaving: list[list[Link]] = field(factory=list)
    above: dict[str, list[str]] = field(factory=lambda: defaultdict(list))
    below: dict[str, list[str]] = field(factory=lambda: defaultdict(list))

    def __attrs_post_init__(self) -> None:
        row_of = {name: index for index, row in enumerate(self.rows) for name in row}
        self.leaving = [[] for _ in self.rows]
        for low, high in self.links:
            self.leaving[row_of[low]].append((low, high))
            self.above[low].append(high)
            self.below[high].append(low)

    def total(self) -> int:
        return sum(map(self._above, range(len(self.rows))))

    def _above(self, row: int) -> int:
        """Return the crossings between a row and the next."""
        if row < 0 or row + 1 >= len(self.rows):
            return 0
        return crossings(self.rows[row], self.rows[row + 1], self.leaving[row])

    def sweep(self, upwards: bool) -> None:
        """Sort every row by the middle of what it is linked to in the row before it."""
        order = range(len(self.rows)) if upwards else reversed(range(len(self.rows)))
        linked = self.below if upwards else self.above
        for row in order:
            before = row - 1 if upwards else row + 1
            if row in self.fixed or not 0 <= before < len(self.rows):
                continue
            place = {name: index for index, name in enumerate(self.rows[before])}
            self.rows[row].sort(key=self._middle(linked, place, self.rows[row]))

    @staticmethod
    def _middle(
        linked: dict[str, list[str]], place: dict[str, int], row: list[str]
    ) -> Callable[[str], float]:
        # What is linked to nothing stays about where it is.
        scale = max(len(place), 1) / max(len(row), 1)
        keys = {}
        for index, name in enumerate(row):
            ends = [place[other] for other in linked[name] if other in place]
            keys[name] = sum(ends) / len(ends) if ends else index * scale
        return keys.__getitem__

    def swap_neighbours(self, restless: bool) -> None:
        """Swap neighbours as long as that takes crossings away; if restless, where it adds none."""
        for row in sorted(set(range(len(self.rows))) - self.fixed):
            names = self.rows[row]
            best = self._above(row - 1) + self._above(row)
            for left in range(len(names) - 1):
                names[left], names[left + 1] = names[left + 1], names[left]
                found = self._above(row - 1) + self._above(row)
                if found < best or (restless and found == best):
                    best = found
                else:
                    names[left], names[left + 1] = names[left + 1], names[left]


def order_rows(
    rows: Sequence[Sequence[str]], links: Sequence[Link], fixed: frozenset[int]
) -> list[list[list[str]]]:
    """Return a few orders of the rows with the fewest crossings that were found.

    The search starts from a few shuffles, always the same ones.

    Args:
        rows: Names, row by row, from the bottom.
        links: Lines between neighbouring rows.
        fixed: Rows whose order stays as it is.
    """
    shuffles = random.Random(0)
    found: dict[tuple[tuple[str, ...], ...], int] = {}
    for start in range(_STARTS):
        sorter = _Sorter([list(row) for row in rows], links, fixed)
        for index, row in enumerate(sorter.rows):
            if start and index not in fixed:
                shuffles.shuffle(row)
        for sweep in range(_SWEEPS):
            found.setdefault(tuple(map(tuple, sorter.rows)), sorter.total())
            sorter.sweep(upwards=sweep % 2 == 0)
            sorter.swap_neighbours(restless=sweep % 4 > 1)
    fewest = min(found.values())
    best = [order for order, count in found.items() if count == fewest]
    return [[list(row) for row in order] for order in best[:_CANDIDATES]]
