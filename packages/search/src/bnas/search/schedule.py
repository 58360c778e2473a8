"""Learning rate and momentum as functions of the step, so that a resumed run needs no state."""

from __future__ import annotations

import math

from bnas.search.recipe import Recipe

#: The one-cycle schedule starts and ends its cycle at this fraction of the largest learning rate …
CYCLE_FLOOR = 1 / 20
#: … and falls to this fraction in the steps after the cycle.
ANNEAL_FLOOR = 1 / 2000
#: Fraction of all steps that the cycle takes.
CYCLE_FRACTION = 0.9
MOMENTUM_HIGH, MOMENTUM_LOW = 0.95, 0.85


def learning_rate_at(recipe: Recipe, step: int, total_steps: int) -> float:
    """Return the learning rate with which step `step` is taken.

    All rise linearly from lr/20 to lr in the first `warmup_fraction` of the steps. One-cycle: back
    to lr/20 at 90 % of the steps, then to lr/2000. Linear: down to 0. Cosine: half a cosine to 0;
    with `restart_epochs`, from lr to 0 in every period of so many epochs. The fall of the period in
    which the rise ends begins there; the last period may be cut short by the end.

    Args:
        recipe: Names the schedule and its largest learning rate.
        step: From 0, over all epochs.
        total_steps: Steps of all epochs.

    References:
        The authors' code (`warmup_fraction` 0.45); the paper says "one cycle, 5e-2 to 4e-4".
    """
    position = min(step / total_steps, 1.0)
    peak, warmup = recipe.learning_rate, recipe.warmup_fraction
    if position < warmup:
        return _between(peak * CYCLE_FLOOR, peak, position / warmup)
    if recipe.schedule == "cosine":
        return peak * (1 + math.cos(math.pi * _passed(recipe, step, total_steps))) / 2
    if recipe.schedule == "linear":
        return _between(peak, 0.0, _passed(recipe, step, total_steps))
    if position < CYCLE_FRACTION:
        return _between(peak, peak * CYCLE_FLOOR, _fall(position, warmup))
    passed = (position - CYCLE_FRACTION) / (1 - CYCLE_FRACTION)
    return _between(peak * CYCLE_FLOOR, peak * ANNEAL_FLOOR, passed)


def momentum_at(recipe: Recipe, step: int, total_steps: int) -> float:
    """Return the momentum of SGD in step `step`; one-cycle moves it 0.95 → 0.85 → 0.95.

    Args:
        recipe: Names the schedule, and the momentum of all but one-cycle.
        step: From 0, over all epochs.
        total_steps: Steps of all epochs.
    """
    if recipe.schedule != "one-cycle":
        return recipe.momentum
    position, warmup = step / total_steps, recipe.warmup_fraction
    if position < warmup:
        return _between(MOMENTUM_HIGH, MOMENTUM_LOW, position / warmup)
    if position < CYCLE_FRACTION:
        return _between(MOMENTUM_LOW, MOMENTUM_HIGH, _fall(position, warmup))
    return MOMENTUM_HIGH


def _passed(recipe: Recipe, step: int, total_steps: int) -> float:
    """Return the fraction of the fall, or of the fall of its period, that has passed at `step`."""
    position, warmup = min(step / total_steps, 1.0), recipe.warmup_fraction
    if not recipe.restart_epochs or position == 1:
        return (position - warmup) / (1 - warmup)
    # In integers, one step being `epochs` units: rounded, the first step of a period may count as
    # the end of the one before, with a learning rate of 0.
    at, period = step * recipe.epochs, total_steps * recipe.restart_epochs
    start = at - at % period
    begin = max(float(start), warmup * total_steps * recipe.epochs)
    return (at - begin) / (start + period - begin)


def _fall(position: float, warmup: float) -> float:
    return (position - warmup) / (CYCLE_FRACTION - warmup)


def _between(start: float, end: float, passed: float) -> float:
    return start + (end - start) * passed
