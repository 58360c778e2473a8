"""Networks out of final checkpoints: a teacher, or the weights that a second stage begins with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from bnas.cells import NetworkSpec
from bnas.cells.errors import CellsError
from bnas.cells.nn import Network
from bnas.search.checkpoint import load_checkpoint
from bnas.search.errors import CheckpointError
from bnas.search.recipe import Recipe


def load_network(path: Path) -> Network:
    """Return the network of a final checkpoint, in evaluation mode.

    Args:
        path: ``final.pt`` of a finished run.

    Raises:
        CheckpointError: No such file, damaged, or not the checkpoint of a finished run.
    """
    state = load_checkpoint(path)
    missing = sorted({"spec", "recipe", "model"} - state.keys())
    if missing:
        raise CheckpointError(
            f"{path} must be the final checkpoint of a finished run (missing {missing})", path
        )
    try:
        spec = NetworkSpec.from_json(state["spec"])
        network = Network(spec, binarize=Recipe.from_dict(state["recipe"]).binarize)
        network.load_state_dict(state["model"])
    except (CellsError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds no network ({error})", path) from error
    return network.eval()


def load_teacher(path: Path, num_classes: int, device: torch.device) -> Network:
    """Return a network whose logits another learns from.

    Raises:
        CheckpointError: As `load_network`, or it has another number of classes.
    """
    teacher = load_network(path)
    if teacher.spec.num_classes != num_classes:
        raise CheckpointError(
            f"{path} must have {num_classes} classes to teach this network "
            f"(got {teacher.spec.num_classes})",
            path,
        )
    return teacher.requires_grad_(False).to(device)


def copy_weights(path: Path, network: Network) -> None:
    """Begin with the weights of another stage of the same network.

    Raises:
        CheckpointError: As `load_network`, or it is of another network.
    """
    earlier = load_network(path)
    if earlier.spec != network.spec:
        raise CheckpointError(f"{path} must be of the network that is to be trained", path)
    network.load_state_dict(earlier.state_dict())


def digest(path: Path | None) -> str:
    """Return the sha256 of a file, for a run to know its origin by; empty for None."""
    return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
