from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.search import Recipe
from bnas.search.schedule import learning_rate_at, momentum_at

COSINE = Recipe(epochs=1, learning_rate=0.1, schedule="cosine", warmup_fraction=0.1)


def test_one_cycle_is_that_of_the_authors(golden_json: Callable[[str], Any]) -> None:
    expected = golden_json("onecycle")
    total = expected["total_steps"]
    recipe = Recipe(
        epochs=1,
        learning_rate=expected["lr"],
        optimizer="sgd",
        schedule="one-cycle",
        warmup_fraction=0.45,
    )
    for step, rate, momentum in expected["rows_step_lr_momentum"]:
        assert learning_rate_at(recipe, step, total) == pytest.approx(rate, rel=1e-9), step
        assert momentum_at(recipe, step, total) == pytest.approx(momentum, rel=1e-9), step


def test_cosine_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [learning_rate_at(COSINE, step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.005)
    assert rates[10] == max(rates) == pytest.approx(0.1)
    assert rates[55] == pytest.approx(0.05)
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert momentum_at(COSINE, 30, 100) == COSINE.momentum


@given(
    warmup=st.floats(0, 0.9),
    schedule=st.sampled_from(["one-cycle", "cosine"]),
    total=st.integers(1, 500),
)
def test_rates_stay_between_zero_and_the_peak(warmup: float, schedule: Any, total: int) -> None:
    recipe = attrs.evolve(COSINE, schedule=schedule, warmup_fraction=warmup)
    for step in range(total + 2):
        assert -1e-15 <= learning_rate_at(recipe, step, total) <= 0.1 * (1 + 1e-12)
        assert 0.85 - 1e-12 <= momentum_at(recipe, step, total) <= 0.95 + 1e-12
