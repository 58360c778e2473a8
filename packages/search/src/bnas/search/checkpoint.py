"""Checkpoints that are either whole or absent, and know to which configuration they belong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from bnas.cells.atomic_file import draft_of
from bnas.search.errors import CheckpointError

#: Raised whenever a checkpoint of an older version cannot be resumed any more.
FORMAT = 1


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that `path` holds the old or the new checkpoint at any moment.

    Args:
        path: File to write or to replace.
        state: Tensors, numbers, strings, lists and dicts.
    """
    with draft_of(path) as file:
        torch.save({"format": FORMAT, **state}, file)


def write_text(path: Path, text: str) -> None:
    """Write `text` so that `path` holds the old or the new text at any moment."""
    with draft_of(path) as file:
        file.write(text.encode())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; runs no code out of the file.

    Raises:
        CheckpointError: The file is damaged, no checkpoint, or of another format.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # The restricted unpickler raises whatever damaged bytes lead it to, IndexError included.
        raise CheckpointError(f"{path} cannot be read as a checkpoint ({error})", path) from error
    found = state.get("format") if isinstance(state, dict) else None
    if found != FORMAT:
        raise CheckpointError(f"{path} must be a checkpoint of format {FORMAT} (got {found})", path)
    return state


def check_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a checkpoint of another configuration.

    Args:
        path: The checkpoint, for the message.
        found: Its configuration: nested dicts of numbers, strings and lists.
        wanted: The configuration that wants to go on from it.

    Raises:
        CheckpointError: They differ; every difference is listed.
    """
    before, now = _flat(found), _flat(wanted)
    missing = "nothing"
    differences = [
        f"{key}: {before.get(key, missing)} in the checkpoint, {now.get(key, missing)} now"
        for key in sorted(before.keys() | now.keys())
        if before.get(key, missing) != now.get(key, missing)
    ]
    if differences:
        raise CheckpointError(
            f"{path} belongs to another configuration; use another directory, or the same "
            "configuration. Differences:\n  " + "\n  ".join(differences),
            path,
            differences,
        )


def _flat(tree: Any, prefix: str = "") -> dict[str, str]:
    if not isinstance(tree, dict):
        return {prefix: json.dumps(tree)}
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        leaves.update(_flat(value, f"{prefix}.{key}" if prefix else str(key)))
    return leaves
