"""Checkpoints that are either whole or absent, and know to which configuration they belong."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch

from bnas.cells.atomic_file import draft_of
from bnas.search.errors import CheckpointError
from bnas.search.moments import narrowed, widened
from bnas.search.parts import read_parts, remove_parts, write_parts

#: Raised whenever a checkpoint of an older version cannot be resumed any more.
FORMAT = 2


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
            f"{path} cannot be written ({_cause(error)}); an older checkpoint is kept as it was",
            path,
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write `text` so that `path` holds the old or the new text at any moment."""
    with draft_of(path) as file:
        file.write(text.encode())


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; runs no code out of the file.

    Raises:
        CheckpointError: The file or a part of it is missing, damaged, no checkpoint, or of another
            format.
    """
    path = Path(path)
    try:
        content = read_parts(path)
        source = path if content is None else io.BytesIO(content)
        state = torch.load(source, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:
        # The restricted unpickler raises whatever damaged bytes lead it to, IndexError included.
        raise CheckpointError(f"{path} cannot be read as a checkpoint ({error})", path) from error
    found = state.get("format") if isinstance(state, dict) else None
    if found != FORMAT:
        raise CheckpointError(f"{path} must be a checkpoint of format {FORMAT} (got {found})", path)
    if "optimizer" in state:
        try:
            state["optimizer"] = widened(state["optimizer"])
        except (AttributeError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path} holds no state of an optimizer", path) from error
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
            "configuration. Differences:" + "".join(f"\n  - {each}" for each in differences),
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


def _cause(error: BaseException) -> str:
    """Return the reason that the operating system gave, if it did."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        found = found.__context__
    return str(error).partition("\n")[0] or type(error).__name__
