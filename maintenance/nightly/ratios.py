"""Times of one run as ratios to other runtimes, and which of them fell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

#: What this repository runs; all else is what it is compared with.
OURS = ("packed", "packing")
STATISTICS = ("min_ms", "median_ms")


@frozen(order=True)
class Contest:
    """Who is compared with whom, at what.

    Attributes:
        part: Of the suite: ``kernels``.
        model: A network or a layer.
        batch: Images at a time.
        threads: Of each.
        ours: One of `OURS`.
        other: The other runtime.
    """

    part: str
    model: str
    batch: int
    threads: int
    ours: str
    other: str

    def __str__(self) -> str:
        """Name the benchmark in a line."""
        return (
            f"{self.part}: {self.model}, batch {self.batch}, {self.ours} against {self.other}"
            + (f", {self.threads} threads" if self.threads > 1 else "")
        )


@frozen
class Speedup:
    """How many times faster ours was.

    Attributes:
        minima: By the least time of each.
        medians: By the typical time of each.
    """

    minima: float
    medians: float


@frozen
class Tolerance:
    """The part of a ratio that may be lost: 0.3 lets 10 become 7.

    Attributes:
        minima: Of ratios of least times.
        medians: Of ratios of typical times, which other processes disturb more.
    """

    minima: float
    medians: float


@frozen
class Regression:
    """A contest in which ours fell behind.

    Attributes:
        contest: Which.
        old: The committed ratios.
        new: Those of this run.
    """

    contest: Contest
    old: Speedup
    new: Speedup

    @property
    def change(self) -> float:
        """New by old, the worse of the two statistics: 0.8 lost a fifth."""
        return min(self.new.minima / self.old.minima, self.new.medians / self.old.medians)

    def __str__(self) -> str:
        """Name the benchmark with its old and new ratios."""
        return (
            f"{self.contest}: {self.new.minima:.2f} times faster by minima "
            f"(was {self.old.minima:.2f}), "
            f"{self.new.medians:.2f} by medians (was {self.old.medians:.2f})"
        )


def speedups(part: str, records: Iterable[Mapping[str, Any]]) -> dict[Contest, Speedup]:
    """Return the ratios of a part, each of times that were taken in turns with each other.

    Args:
        part: Its name.
        records: As `bnas.tools.bench` writes them: ``model``, ``runtime``, ``batch``, ``threads``,
            ``min_ms``, ``median_ms``.

    Returns:
        Other's time by ours: larger is better.
    """
    groups: dict[tuple[str, int, int], dict[str, Mapping[str, Any]]] = {}
    for record in records:
        key = (record["model"], record["batch"], record["threads"])
        groups.setdefault(key, {})[record["runtime"]] = record
    found = {}
    for key, runtimes in groups.items():
        for ours in (name for name in OURS if name in runtimes):
            for other in (name for name in runtimes if name not in OURS):
                ratios = [runtimes[other][name] / runtimes[ours][name] for name in STATISTICS]
                found[Contest(part, *key, ours, other)] = Speedup(*ratios)
    return found


def regressions(
    old: Mapping[Contest, Speedup],
    new: Mapping[Contest, Speedup],
    tolerances: Mapping[str, Tolerance],
) -> list[Regression]:
    """Return what fell by more than its tolerance, by minima or by medians.

    Args:
        old: The committed ratios.
        new: Those of this run.
        tolerances: Part -> its tolerance.

    Returns:
        The worst first.
    """
    found = []
    for contest in (each for each in old if each in new):
        before, now, tolerance = old[contest], new[contest], tolerances[contest.part]
        if (
            now.minima < (1 - tolerance.minima) * before.minima
            or now.medians < (1 - tolerance.medians) * before.medians
        ):
            found.append(Regression(contest, before, now))
    return sorted(found, key=lambda each: each.change)


def still(first: Iterable[Regression], second: Iterable[Regression]) -> list[Regression]:
    """Return what fell in a second measurement, too."""
    before = {each.contest for each in first}
    return [each for each in second if each.contest in before]
