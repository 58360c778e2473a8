"""A latency is that of the network that runs, on a machine that has a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnas import zoo
from bnas.zoo import latency
from bnas.zoo.errors import CardError
from bnas.zoo.latency import MAX_NAME_LENGTH, Latency, measure_latency, processor


class Clock:
    """Stands in for the module `time`: a call of the network takes what its `times_ms` say."""

    def __init__(self, times_ms: list[float]) -> None:
        self.now_s, self.times_ms, self.calls = 0.0, times_ms, 0

    def perf_counter(self) -> float:
        return self.now_s

    def run(self, image: np.ndarray, *, threads: int) -> None:
        assert (image.shape, image.dtype, threads) == ((1, 3, 32, 32), np.float32, 1)
        self.now_s += self.times_ms[self.calls % len(self.times_ms)] / 1e3
        self.calls += 1


def measured(
    times_ms: list[float], monkeypatch: pytest.MonkeyPatch, network: zoo.PackedNetwork
) -> tuple[Latency, Clock]:
    clock = Clock(times_ms)
    monkeypatch.setattr(latency, "time", clock)
    monkeypatch.setattr(zoo.PackedNetwork, "__call__", lambda _, *a, **kw: clock.run(*a, **kw))
    return measure_latency(network, machine="mine"), clock


def test_median_and_fastest_of_the_calls_after_the_first(
    small_network: zoo.PackedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    times_ms = [5000.0] * latency.WARM_UP_CALLS + [3.0] * 99 + [2.0] + [9.0] * 100
    found, clock = measured(times_ms, monkeypatch, small_network)
    assert found == Latency(median_ms=6.0, min_ms=2.0, machine="mine")
    assert clock.calls == latency.WARM_UP_CALLS + latency.TIMED_CALLS


def test_a_slow_network_is_not_timed_for_ever(
    small_network: zoo.PackedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, clock = measured([10_000.0], monkeypatch, small_network)
    assert found.median_ms == 10_000
    assert clock.calls == latency.WARM_UP_CALLS + 1


def test_a_real_network_takes_some_time(
    small_network: zoo.PackedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "TIMED_CALLS", 3)
    found = measure_latency(small_network)
    assert 0 < found.min_ms <= found.median_ms
    assert found.machine == processor() != ""


@pytest.mark.parametrize("machine", ["", " ", "two\nlines", "x" * (MAX_NAME_LENGTH + 1), 5])
def test_a_name_that_is_none_is_refused_before_the_measuring(
    machine: Any, small_network: zoo.PackedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo.PackedNetwork, "__call__", None)
    with pytest.raises(CardError, match="`machine` must be one line"):
        measure_latency(small_network, machine=machine)


@pytest.mark.parametrize("time_ms", [0, -1, float("nan"), float("inf"), True, "1"])
def test_a_time_that_is_none(time_ms: Any) -> None:
    with pytest.raises(CardError, match="milliseconds"):
        Latency(median_ms=time_ms, min_ms=0.5, machine="mine")
    with pytest.raises(CardError, match="at most"):
        Latency(median_ms=1, min_ms=2, machine="mine")
