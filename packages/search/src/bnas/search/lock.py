"""`occupied`: one run at a time in a directory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from bnas.cells.atomic_file import remove_drafts
from bnas.search.errors import CheckpointError, reason_of
from bnas.search.parallel import Processes

_LOCK_NAME = ".lock"


@contextlib.contextmanager
def occupied(directory: Path, processes: Processes) -> Iterator[None]:
    """Make a directory if there is none, keep other runs out of it, and clear it of drafts.

    The leading process does so for all; if it cannot, all raise.

    Args:
        directory: Where checkpoints are to be written.
        processes: Those that train together.

    Raises:
        CheckpointError: Another run is at work there, or nothing can be written there.
    """
    with contextlib.ExitStack() as stack:
        failure = None
        if processes.leads:
            try:
                with _writable(directory):
                    directory.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(locked(directory))
                    remove_drafts(directory)
            except CheckpointError as error:
                failure = error
        processes.raise_together(failure, directory)
        yield


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other runs out of a directory; the system lifts the lock of a process that is killed.

    Args:
        directory: Where checkpoints are written; it exists.

    Raises:
        CheckpointError: Another run is at work there.
        OSError: No file can be made there.
    """
    path = directory / _LOCK_NAME
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CheckpointError(
            f"`out_dir` is in use by another run (got {directory}); wait until it ends, or use "
            "another directory",
            directory,
        ) from error
    try:
        yield
    finally:
        # Before the release, so that the file that goes is never one that another run has locked.
        # Windows removes no open file; there the library does so after the release.
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()


@contextlib.contextmanager
def _writable(directory: Path) -> Iterator[None]:
    """Turn what the system refuses into an error that names the directory."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"`out_dir` must be a directory that can be written to (got {directory}: "
            f"{reason_of(error)})",
            directory,
        ) from error
