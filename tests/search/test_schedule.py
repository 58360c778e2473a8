from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import example, given
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


def test_linear_rises_and_falls_along_lines() -> None:
    recipe = attrs.evolve(COSINE, schedule="linear", warmup_fraction=0.2)
    rates = [learning_rate_at(recipe, step, 50) for step in range(52)]
    assert rates[:11:5] == pytest.approx([0.005, 0.0525, 0.1])
    assert rates[10:51:10] == pytest.approx([0.1, 0.075, 0.05, 0.025, 0.0], abs=1e-12)
    assert rates[51] == rates[50]
    assert momentum_at(recipe, 30, 50) == recipe.momentum


@example(epochs=22, restart_epochs=1, steps_per_epoch=97)
@given(
    epochs=st.integers(1, 400), restart_epochs=st.integers(1, 60), steps_per_epoch=st.integers(2, 9)
)
def test_every_period_begins_at_the_peak_and_ends_near_nothing(
    epochs: int, restart_epochs: int, steps_per_epoch: int
) -> None:
    recipe = attrs.evolve(COSINE, epochs=epochs, warmup_fraction=0.0, restart_epochs=restart_epochs)
    total, period = epochs * steps_per_epoch, restart_epochs * steps_per_epoch
    for start in range(0, total, period):
        rates = [
            learning_rate_at(recipe, step, total)
            for step in range(start, min(start + period, total))
        ]
        expected = [0.05 * (1 + math.cos(math.pi * i / period)) for i in range(len(rates))]
        assert rates == pytest.approx(expected, abs=1e-12)
    assert learning_rate_at(recipe, total, total) == pytest.approx(0, abs=1e-12)


def test_the_first_fall_begins_where_the_rise_ends() -> None:
    recipe = attrs.evolve(COSINE, epochs=10, warmup_fraction=0.25, restart_epochs=4)
    rates = [learning_rate_at(recipe, step, 20) for step in range(20)]
    assert rates[4:9] == pytest.approx([0.081, 0.1, 0.075, 0.025, 0.1])
    assert rates[8:12] == pytest.approx(rates[16:20])


@given(
    warmup=st.floats(0, 0.9),
    schedule=st.sampled_from(["one-cycle", "cosine", "linear", "restarts"]),
    epochs=st.integers(1, 50),
    total=st.integers(1, 500),
)
def test_rates_stay_between_zero_and_the_peak(
    warmup: float, schedule: Any, epochs: int, total: int
) -> None:
    recipe = attrs.evolve(COSINE, epochs=epochs, warmup_fraction=warmup)
    if schedule == "restarts":
        recipe = attrs.evolve(recipe, restart_epochs=7)
    else:
        recipe = attrs.evolve(recipe, schedule=schedule)
    for step in range(total + 2):
        assert -1e-15 <= learning_rate_at(recipe, step, total) <= 0.1 * (1 + 1e-12)
        assert 0.85 - 1e-12 <= momentum_at(recipe, step, total) <= 0.95 + 1e-12
