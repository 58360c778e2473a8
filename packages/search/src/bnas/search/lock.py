"""`locked`: one run at a time in a directory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from bnas.search.errors import CheckpointError

_LOCK_NAME = ".lock"


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other runs out of a directory; the system lifts the lock of a process that is killed.

    Args:
        directory: Where checkpoints are written; it exists.

    Raises:
        CheckpointError: Another run is at work there.
    """
    path = directory / _LOCK_NAME
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CheckpointError(
            f"`out_dir` must be a directory in which no other run is at work (got {directory})",
            directory,
        ) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()
