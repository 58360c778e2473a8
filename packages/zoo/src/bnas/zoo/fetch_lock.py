"""`sole_fetcher`: of the processes that need a file, one fetches it and the others wait for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from bnas.cells.atomic_file import remove_drafts

#: Seconds after which a process stops waiting for another one that neither ends nor finishes.
PATIENCE_S = 600.0
#: Seconds between two looks at a lock that another process has.
_POLL_S = 0.05


@contextlib.contextmanager
def sole_fetcher(target: Path) -> Iterator[None]:
    """Keep other processes from fetching a file at the same time.

    The system lifts the lock of a process that is killed, and what it left half written is removed.
    After `PATIENCE_S` seconds the file is fetched without the lock: that costs a download and
    nothing else, because a file only ever appears whole.

    Args:
        target: The file. It has a folder of its own, which is made if it is not there.

    Raises:
        OSError: Nothing can be written there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # The file of the lock stays: to remove it would let a third process lock another one.
    lock = FileLock(target.with_name(f"{target.name}.lock"))
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock.acquire(timeout=PATIENCE_S, poll_interval=_POLL_S))
        except Timeout:
            pass
        else:
            remove_drafts(target.parent)
        yield
