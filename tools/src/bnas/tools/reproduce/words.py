"""Phrases that several sections have."""

from __future__ import annotations

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.trainings import Trained


def percent(value: float) -> str:
    """Return a percentage with one decimal."""
    return f"{value:.1f} %"


def seeds_words(network: Trained) -> str:
    """Return over which trainings a mean is."""
    values = [value for value in network.test_top1 if value is not None]
    if len(values) == 1:
        return "one seed"
    return f"{min(values):.1f} to {max(values):.1f} over {len(values)} seeds"


def outcome_of(network: Trained) -> str:
    """Return how the trainings of a network end, as what follows its name in a sentence."""
    told = []
    if network.mean_top1 is not None:
        told.append(f"ends at {percent(network.mean_top1)} of the test images")
        told[0] += f" ({seeds_words(network)})"
    if network.diverged:
        told.append(f"diverges in {network.diverged} of {len(network.results)} trainings")
    return " and ".join(told)


def reduced_words(context: Context) -> str:
    """Return what a verdict does not say; nothing at the paper's own size."""
    if not context.scale.is_reduced:
        return ""
    return f"This is at a reduced size ({context.scale.title}) and says nothing of 600 epochs."
