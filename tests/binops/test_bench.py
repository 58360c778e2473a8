"""`bench.measure`: candidates take turns, and the ratio is of the turns."""

from __future__ import annotations

import pytest

from bnas.binops import bench
from bnas.binops.errors import BinopsError


def test_candidates_take_turns_after_one_call_each():
    calls = []
    result = bench.measure({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b"] * 4
    assert list(result.timings) == ["a", "b"]
    assert all(len(timing.times_ms) == 3 for timing in result.timings.values())
    assert all(timing.warmup_s >= 0 for timing in result.timings.values())


def test_minimum_median_and_ratio_of_known_times():
    slow = bench.Timing("slow", 0.1, (4.0, 90.0, 6.0))
    fast = bench.Timing("fast", 0.1, (2.0, 30.0, 1.0))
    result = bench.Measurement({"slow": slow, "fast": fast})
    assert (slow.min_ms, slow.median_ms) == (4.0, 6.0)
    assert result.ratio("slow", "fast") == 3.0


@pytest.mark.parametrize(("callables", "rounds"), [({}, 3), ({"a": int}, 0)])
def test_nothing_to_measure_is_refused(callables, rounds):
    with pytest.raises(BinopsError, match="at least 1 round"):
        bench.measure(callables, rounds)
