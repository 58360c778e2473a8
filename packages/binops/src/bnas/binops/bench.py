"""Honest timing: candidates take turns in one process, and their ratios are of those turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from bnas.binops.errors import BinopsError


@attrs.frozen
class Timing:
    """The times of one candidate.

    Args:
        name: What was timed.
        warmup_s: The first call, seconds: compiling and packing show here.
        times_ms: One call a round, milliseconds, without the first.
    """

    name: str
    warmup_s: float
    times_ms: tuple[float, ...]

    @property
    def min_ms(self) -> float:
        """The least disturbed call, milliseconds."""
        return min(self.times_ms)

    @property
    def median_ms(self) -> float:
        """The typical call, milliseconds."""
        return statistics.median(self.times_ms)


@attrs.frozen
class Measurement:
    """The times of candidates that took turns.

    Args:
        timings: By name, in the order given.
    """

    timings: dict[str, Timing]

    def ratio(self, slow: str, fast: str) -> float:
        """How many times longer `slow` takes than `fast`: the median over the rounds.

        Both of a ratio come from one round, so that a disturbance that lasts touches both.

        Args:
            slow: Name of one candidate.
            fast: Name of another.

        Returns:
            Above 1 if `slow` is slower.
        """
        pairs = zip(self.timings[slow].times_ms, self.timings[fast].times_ms, strict=True)
        return statistics.median(one / other for one, other in pairs)


def measure(callables: Mapping[str, Callable[[], Any]], rounds: int = 30) -> Measurement:
    """Time candidates in turns: every round calls each one once.

    Args:
        callables: What to time, by name; called without arguments.
        rounds: Timed calls of each, after one call that warms up.

    Returns:
        The times.

    Raises:
        BinopsError: Nothing to time, or fewer rounds than 1.
    """
    if not callables or rounds < 1:
        raise BinopsError(
            f"`measure` needs a callable and at least 1 round (got {len(callables)} callables, "
            f"rounds={rounds})",
            rounds=rounds,
        )
    warmups = {name: _seconds(call) for name, call in callables.items()}
    times: dict[str, list[float]] = {name: [] for name in callables}
    for _ in range(rounds):
        for name, call in callables.items():
            times[name].append(1e3 * _seconds(call))
    return Measurement(
        {name: Timing(name, warmups[name], tuple(times[name])) for name in callables}
    )


def _seconds(call: Callable[[], Any]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
