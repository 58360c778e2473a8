"""Checkpoints that are either whole or absent, and know to which configuration they belong."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import torch

from bnas.cells.atomic_file import draft_of
from bnas.search.errors import CheckpointError, reason_of
from bnas.search.moments import narrowed, widened
from bnas.search.parts import read_parts, remove_parts, write_parts

#: Raised whenever a checkpoint of an older version cannot be resumed any more.
FORMAT = 2
#: How the ZIP archives begin that torch writes.
_MAGIC = b"PK"


def save_checkpoint(
    path: Path, state: dict[str, Any], *, compact: bool = False, part_bytes: int | None = None
) -> None:
    """Write `state` so that `path` holds the old or the new checkpoint at any moment.

    Args:
        path: File to write or to replace.
        state: Tensors, numbers, strings, lists and dicts.
        compact: Round the moments of ``state["optimizer"]`` to bfloat16: a third (Adam) or quarter
            (SGD) less to write, and a run that goes on from it differs in the last digits.
        part_bytes: Cut the file into parts of at most so many bytes; None for one file.

    Raises:
        CheckpointError: It cannot be written, for instance since the disk is full; the older
            checkpoint is kept. Or `part_bytes` is not positive.
    """
    if part_bytes is not None and part_bytes < 1:
        raise CheckpointError(f"`part_bytes` must be at least 1 or None (got {part_bytes})", path)
    state = {"format": FORMAT, **state}
    if compact and "optimizer" in state:
        state["optimizer"] = narrowed(state["optimizer"])
    try:
        if part_bytes is None:
            with draft_of(path) as file:
                torch.save(state, file)
            remove_parts(path)
        else:
            content = io.BytesIO()
            torch.save(state, content)
            write_parts(path, content.getvalue(), part_bytes)
    except (OSError, RuntimeError) as error:
        # torch's writer turns what the file raised into a RuntimeError of its own.
        raise CheckpointError(
            f"{path} cannot be written ({reason_of(error)}); an older checkpoint is kept as it was",
            path,
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write `text` so that `path` holds the old or the new text at any moment.

    Raises:
        CheckpointError: It cannot be written; the older text is kept.
    """
    try:
        with draft_of(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written ({reason_of(error)})", path) from error


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; runs no code out of the file.

    Raises:
        CheckpointError: The file or a part of it is missing, damaged, no checkpoint, or of another
            format.
    """
    path = Path(path)
    state = _read(path)
    found = state.get("format") if isinstance(state, dict) else None
    if type(found) is not int or found != FORMAT:
        shown = found if isinstance(found, int | None) else type(found).__name__
        raise CheckpointError(f"{path} must be a checkpoint of format {FORMAT} (got {shown})", path)
    if "optimizer" in state:
        if not _has_moments(state["optimizer"]):
            raise CheckpointError(f"{path} is damaged: it holds no state of an optimizer", path)
        state["optimizer"] = widened(state["optimizer"])
    return cast("dict[str, Any]", state)


def _read(path: Path) -> Any:
    try:
        content = read_parts(path)
        with path.open("rb") if content is None else io.BytesIO(content) as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise CheckpointError(f"{path} cannot be read as a checkpoint: it is none", path)
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint ({reason_of(error)})", path
        ) from error
    except UnpicklingError as error:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: it holds other things than tensors, numbers "
            "and text, or is damaged",
            path,
        ) from error
    except Exception as error:
        # The restricted unpickler raises whatever damaged bytes lead it to, IndexError included;
        # what it says is of no use to a reader.
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: it is cut short, damaged, or something else",
            path,
        ) from error


def _has_moments(optimizer: Any) -> bool:
    """Return whether there are tensors, or nothing, by parameter and name."""
    state = optimizer.get("state") if isinstance(optimizer, dict) else None
    return isinstance(state, dict) and all(
        isinstance(moments, dict)
        and all(value is None or isinstance(value, torch.Tensor) for value in moments.values())
        for moments in state.values()
    )


def check_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a checkpoint of another configuration.

    Args:
        path: The checkpoint, for the message.
        found: Its configuration: nested dicts of numbers, strings and lists.
        wanted: The configuration that wants to go on from it.

    Raises:
        CheckpointError: They differ; every difference has a line of its own.
    """
    before, now = _flat(found), _flat(wanted)
    differences = []
    for key in sorted(before.keys() | now.keys()):
        there, here = before.get(key), now.get(key)
        if there != here and _value(there) != _value(here):
            differences.append(
                f"{key}: {there or 'nothing'} in the checkpoint, {here or 'nothing'} now"
            )
    if differences:
        raise CheckpointError(
            f"{path} belongs to another configuration:"
            + "".join(f"\n  - {each}" for each in differences)
            + "\n  - remedy: use another directory, or the settings of the checkpoint",
            path,
            differences,
        )


def _flat(tree: Any, prefix: str = "") -> dict[str, str]:
    """Return the leaves as JSON text by their path."""
    if not isinstance(tree, dict):
        return {prefix: json.dumps(tree, default=repr)}
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        leaves.update(_flat(value, f"{prefix}.{key}" if prefix else str(key)))
    return leaves


def _value(text: str | None) -> Any:
    """Return what is equal for 1 and 1.0, and equal to nothing for a leaf that is not there."""
    return math.nan if text is None else json.loads(text)
