"""`take_turns`: contenders are timed in small rounds, so that a disturbance touches all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from attrs import field, frozen

from bnas.tools.bench.errors import ArgumentError, ContenderError

#: How long a turn lasts, about, and how many calls it has at most.
TURN_MS, MOST_CALLS = 60.0, 50
#: All turns of a group together last about so long at most; then there are fewer rounds.
GROUP_S, LEAST_ROUNDS = 45.0, 3
#: Before a turn, so that the other processes' threads have stopped to wait actively.
SETTLE_S = 0.005


class TakesTurns(Protocol):
    """What `take_turns` needs of a contender."""

    name: str
    call_s: float

    def turn(self, calls: int) -> list[float]:
        """Return the milliseconds of each of `calls` calls."""
        ...


def _as_rounds(rounds: Iterable[Iterable[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(one) for one in rounds)


@frozen
class Times:
    """The times of one contender.

    Attributes:
        rounds_ms: For every round the milliseconds of its calls.
    """

    rounds_ms: tuple[tuple[float, ...], ...] = field(converter=_as_rounds)

    @property
    def min_ms(self) -> float:
        """The least disturbed call, milliseconds."""
        return min(min(calls) for calls in self.rounds_ms)

    @property
    def median_ms(self) -> float:
        """The typical call, milliseconds."""
        return statistics.median(time_ms for calls in self.rounds_ms for time_ms in calls)

    def ratio_to(self, other: Times) -> float:
        """Return how many times longer these calls take than those of `other`, round by round.

        The median of the ratios of each round's minima: both of a ratio are of one moment.
        """
        pairs = zip(self.rounds_ms, other.rounds_ms, strict=True)
        return statistics.median(min(mine) / min(its) for mine, its in pairs)


def take_turns(
    contenders: Sequence[TakesTurns], rounds: int, *, settle_s: float = SETTLE_S
) -> tuple[dict[str, Times], dict[str, str]]:
    """Time contenders in turns: forwards in one round, backwards in the next.

    Args:
        contenders: Of different names.
        rounds: Turns of each; fewer if that takes too long, but 3 at least.
        settle_s: Seconds of silence before every turn.

    Returns:
        Times by name, and for each contender that failed meanwhile, the reason.

    Raises:
        ArgumentError: Fewer than one round.
    """
    if rounds < 1:
        raise ArgumentError(f"`rounds` must be at least 1 (got {rounds})")
    calls = {each.name: calls_of(each.call_s) for each in contenders}
    rounds = min(rounds, affordable_rounds([each.call_s for each in contenders]))
    taken: dict[str, list[list[float]]] = {each.name: [] for each in contenders}
    failures: dict[str, str] = {}
    for index in range(rounds):
        for contender in contenders if index % 2 == 0 else reversed(contenders):
            if contender.name in failures:
                continue
            time.sleep(settle_s)
            try:
                taken[contender.name].append(contender.turn(calls[contender.name]))
            except ContenderError as error:
                failures[contender.name] = str(error)
    times = {name: Times(found) for name, found in taken.items() if name not in failures}
    return times, failures


def calls_of(call_s: float) -> int:
    """Return how many calls a turn has, if one takes so long."""
    return max(1, min(MOST_CALLS, round(TURN_MS / max(1e3 * call_s, 1e-3))))


def affordable_rounds(calls_s: Sequence[float]) -> int:
    """Return how many rounds fit into the time of a group, 3 at least."""
    round_s = sum((calls_of(call_s) + (call_s < 0.2)) * call_s + SETTLE_S for call_s in calls_s)
    return max(LEAST_ROUNDS, int(GROUP_S / max(round_s, 1e-9)))
