"""Networks out of final checkpoints: a teacher, or the weights that a second stage begins with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from bnas.cells import GraphError, Spec, spec_from_json
from bnas.cells.errors import CellsError
from bnas.cells.nn import Network
from bnas.search.checkpoint import load_checkpoint
from bnas.search.errors import CheckpointError, SearchError
from bnas.search.image_set import TrainingData
from bnas.search.recipe import Recipe
from bnas.search.saved_state import find_fault


def fresh_network(spec: Spec, recipe: Recipe) -> Network:
    """Return a network as the recipe wants it, with weights drawn by the recipe's seed.

    The global generator of random numbers is left as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return Network(
            spec,
            binarize=recipe.binarize,
            official_sign=recipe.official_sign,
            official_gradient=recipe.official_gradient,
            official_centring=recipe.official_centring,
        )


def load_network(path: Path) -> Network:
    """Return the network of a final checkpoint, in evaluation mode.

    Args:
        path: ``final.pt`` of a finished run.

    Raises:
        CheckpointError: No such file, damaged, or not the checkpoint of a finished run.
    """
    return _network(path, _load_final(path))


def load_teacher(
    path: Path, data: TrainingData, sides: Iterable[int | tuple[int, int]], device: torch.device
) -> Network:
    """Return a network whose logits another learns from.

    Args:
        path: ``final.pt`` of a finished run.
        data: What is learnt; its classes and normalisation must be those of the teacher, as far as
            the file says what those are.
        sides: Of the images that it is going to see, in pixels; height and width if not square.
        device: Where it is to lie.

    Raises:
        CheckpointError: As `load_network`, or it was trained for something else.
    """
    state = _load_final(path)
    teacher = _network(path, state)
    classes = len(data.train.classes)
    if teacher.spec.num_classes != classes:
        raise CheckpointError(
            f"{path} must have {classes} classes to teach this network "
            f"(got {teacher.spec.num_classes})",
            path,
        )
    _check_data(path, state, data)
    for side in sides:
        try:
            teacher.graph.shapes(side)
        except GraphError as error:
            raise CheckpointError(
                f"{path} cannot teach with images of {side} pixels, at which the network is to be "
                f"trained; use another teacher, or change the stages ({error})",
                path,
            ) from error
    return teacher.requires_grad_(False).to(device)


def copy_weights(path: Path, network: Network, data: TrainingData) -> None:
    """Begin with the weights of another stage of the same network.

    Args:
        path: ``final.pt`` of a finished run.
        network: Changed in place.
        data: As for `load_teacher`.

    Raises:
        CheckpointError: As `load_network`, or it is of another network or was trained for something
            else.
    """
    state = _load_final(path)
    earlier = _network(path, state)
    before, now = (json.loads(spec.to_json()) for spec in (earlier.spec, network.spec))
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            raise CheckpointError(
                f"{path} must be of the network that is to be trained; its {name} is another "
                f"({before.get(name)} there, {now.get(name)} here)",
                path,
            )
    _check_data(path, state, data)
    network.load_state_dict(earlier.state_dict())


def digest(path: Path | None) -> str:
    """Return the sha256 of a file, for a run to know its origin by; empty for None."""
    return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def _load_final(path: Path) -> dict[str, Any]:
    state = load_checkpoint(path)
    missing = sorted({"spec", "recipe", "model"} - state.keys())
    if missing:
        raise CheckpointError(
            f"{path} must be the final checkpoint of a finished run (missing {missing})", path
        )
    return state


def _network(path: Path, state: dict[str, Any]) -> Network:
    try:
        network = fresh_network(spec_from_json(state["spec"]), Recipe.from_dict(state["recipe"]))
    except (CellsError, SearchError, AttributeError, LookupError, TypeError, ValueError) as error:
        # The two readers expect dicts of the right keys, and raise anything where there are none.
        raise CheckpointError(f"{path} holds no network ({error})", path) from error
    fault = find_fault(state["model"], network.state_dict())
    if fault is not None:
        raise CheckpointError(f"{path} holds no network (its model {fault})", path)
    network.load_state_dict(state["model"])
    return network.eval()


def _check_data(path: Path, state: dict[str, Any], data: TrainingData) -> None:
    """Refuse other classes or colours; older files do not say which they were trained with."""
    colours = {"mean": list(data.normalization.mean), "std": list(data.normalization.std)}
    for name, wanted in (("classes", list(data.train.classes)), ("normalization", colours)):
        found = state.get(name, wanted)
        if not isinstance(found, list | dict) or found != wanted:
            raise CheckpointError(
                f"{path} was trained with other {name} than these images have "
                f"({_shown(found)} there, {_shown(wanted)} here); use a run on the same images",
                path,
            )


def _shown(value: object) -> str:
    """Return a value, or the beginning of it: there may be a thousand classes."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
