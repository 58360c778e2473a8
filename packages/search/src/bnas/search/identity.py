"""What decides a run: a checkpoint of anything else is not gone on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bnas.cells import Spec
from bnas.search.errors import CheckpointError, RecipeError
from bnas.search.image_set import TrainingData
from bnas.search.options import RunOptions
from bnas.search.origin import digest
from bnas.search.recipe import Recipe


def identity_of(
    spec: Spec, recipe: Recipe, data: TrainingData, options: RunOptions
) -> dict[str, Any]:
    """Return network, recipe and digests of data and origins, ready for a checkpoint."""
    colours = data.normalization
    return {
        "spec": spec.to_json(),
        "recipe": recipe.to_dict(),
        "data": {
            "train": data.train.sha256(),
            "holdout": data.holdout.sha256(),
            "mean": list(colours.mean),
            "std": list(colours.std),
        },
        "origin": {"initial": digest(options.initial), "teacher": digest(options.teacher)},
    }


def by_field(path: Path, identity: Any) -> dict[str, Any]:
    """Return an identity with its specification, which is JSON text, as a dict.

    Args:
        path: The checkpoint that holds it, for the message.
        identity: What it holds.

    Raises:
        CheckpointError: It is no identity.
    """
    try:
        return {**identity, "spec": json.loads(identity["spec"])}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _unknown(path, "network and recipe") from error


def recipe_of(path: Path, identity: Any) -> Recipe:
    """Return the recipe of an identity; arguments are those of `by_field`.

    Raises:
        CheckpointError: It holds no recipe.
    """
    try:
        return Recipe.from_dict(identity["recipe"])
    except (AttributeError, LookupError, TypeError, RecipeError) as error:
        raise _unknown(path, "recipe") from error


def _unknown(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged: it does not say to which {what} it belongs; remove it to start anew, "
        "or put back a copy of it",
        path,
    )
