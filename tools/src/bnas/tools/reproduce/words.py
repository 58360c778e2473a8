"""Phrases that several sections have."""

from __future__ import annotations

from collections.abc import Sequence

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.trainings import Trained


def range_of(values: Sequence[float], digits: int = 2) -> str:
    """Return the smallest and the largest of some values."""
    if not values:
        return "none left"
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"


def outcome_of(network: Trained) -> str:
    """Return how the trainings of a network end, as what follows its name in a sentence."""
    told = []
    finished, total = network.finished_top1, len(network.results)
    if finished and network.mean_top1 is not None:
        seeds = "one seed" if total == 1 else f"{range_of(finished, 1)}, {len(finished)} seeds"
        told.append(f"ends at {network.mean_top1:.1f} % of the test images ({seeds})")
    if network.diverged:
        trainings = "its training" if total == 1 else f"{network.diverged} of {total} trainings"
        told.append(f"diverges in {trainings}")
    return " and ".join(told)


def reduced_words(context: Context) -> str:
    """Return what a verdict does not say; nothing at the paper's own size."""
    if not context.is_reduced:
        return ""
    return f"This is at a reduced size ({context.scale.title}) and says nothing of 600 epochs."
