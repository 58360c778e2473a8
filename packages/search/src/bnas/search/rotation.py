"""The checkpoint before the last one, in case the last one cannot be read."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from bnas.cells.atomic_file import draft_of
from bnas.search.checkpoint import load_checkpoint
from bnas.search.errors import CheckpointError, reason_of
from bnas.search.parts import read_parts


def previous_of(path: Path) -> Path:
    """Return where the checkpoint before `path` lies."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def rotate(path: Path) -> None:
    """Keep what `path` holds as the previous checkpoint; `path` is there at any moment.

    Args:
        path: A checkpoint in one file; one in parts, or none, is left as it is.

    Raises:
        CheckpointError: The previous one cannot be written.
    """
    if not path.is_file():
        return
    try:
        if read_parts(path) is not None:
            return
        _replace_by_link(path, previous_of(path))
    except OSError as error:
        raise CheckpointError(
            f"{previous_of(path)} cannot be written ({reason_of(error)})", path
        ) from error


def load_newest(path: Path) -> tuple[dict[str, Any], Path] | None:
    """Return the checkpoint, or the one before if it is missing or damaged, and where it lay.

    Args:
        path: The checkpoint.

    Returns:
        None if there is neither.

    Raises:
        CheckpointError: There is one, and none that can be read; it speaks of `path`.
    """
    before = previous_of(path)
    if not path.exists() and not before.exists():
        return None
    try:
        return load_checkpoint(path), path
    except CheckpointError as error:
        if before.exists():
            with contextlib.suppress(CheckpointError):
                return load_checkpoint(before), before
        raise error


def _replace_by_link(path: Path, target: Path) -> None:
    """Let `target` name the same file as `path`; a copy where there are no such links."""
    link = target.with_name(f".bnas-{secrets.token_hex(8)}.part")
    try:
        os.link(path, link)
    except OSError:
        with path.open("rb") as source, draft_of(target) as copy:
            shutil.copyfileobj(source, copy)
        return
    try:
        os.replace(link, target)
    finally:
        link.unlink(missing_ok=True)  # POSIX leaves both where they are one file already.
