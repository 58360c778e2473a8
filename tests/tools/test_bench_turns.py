"""Turns: their order, their number, and what is made of their times."""

from __future__ import annotations

import pytest

from bnas.tools.bench import ArgumentError, ContenderError
from bnas.tools.bench.turns import LEAST_ROUNDS, Times, affordable_rounds, calls_of, take_turns


class Player:
    """Answers from a list, and writes down that it had its turn."""

    def __init__(self, name: str, log: list[str], call_s: float = 1.0, fails_at: int = -1) -> None:
        self.name, self.call_s = name, call_s
        self._log, self._fails_at = log, fails_at

    def turn(self, calls: int) -> list[float]:
        if self._log.count(self.name) == self._fails_at:
            raise ContenderError(f"{self.name}: gone")
        self._log.append(self.name)
        return [float(len(self._log))] * calls


def test_contenders_take_turns_forwards_and_backwards() -> None:
    log: list[str] = []
    times, failures = take_turns([Player("a", log), Player("b", log)], 3, settle_s=0)
    assert log == ["a", "b", "b", "a", "a", "b"]
    assert failures == {}
    assert times["a"].rounds_ms == ((1.0,), (4.0,), (5.0,))


def test_who_fails_is_left_out_and_the_others_go_on() -> None:
    log: list[str] = []
    players = [Player("a", log), Player("b", log, fails_at=1)]
    times, failures = take_turns(players, 3, settle_s=0)
    assert failures == {"b": "b: gone"}
    assert set(times) == {"a"}
    assert len(times["a"].rounds_ms) == 3


def test_no_round_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"`rounds` must be at least 1 \(got 0\)"):
        take_turns([], 0)


def test_short_calls_share_a_turn_and_long_ones_get_fewer_rounds() -> None:
    assert (calls_of(1e-9), calls_of(0.02), calls_of(5.0)) == (50, 3, 1)
    assert affordable_rounds([100.0]) == LEAST_ROUNDS
    assert affordable_rounds([0.001]) > 100


def test_times_know_minimum_median_and_ratio_by_rounds() -> None:
    mine = Times([[2.0, 4.0], [6.0, 9.0], [10.0, 10.0]])
    its = Times([[1.0, 1.5], [2.0, 2.0], [5.0, 7.0]])
    assert (mine.min_ms, mine.median_ms) == (2.0, 7.5)
    assert mine.ratio_to(its) == 2.0
