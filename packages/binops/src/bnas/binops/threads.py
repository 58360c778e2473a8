"""How many threads a kernel runs on, and one parallel region at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

from bnas.binops.errors import ThreadsError


def fork_safe_lock() -> threading.Lock:
    """A lock that is free in a forked child, whoever held it in the parent."""
    lock = threading.Lock()
    if hasattr(os, "register_at_fork"):
        # No public name does this; the standard library calls it for its own locks.
        free: Callable[[], None] = getattr(lock, "_at_fork_reinit")  # noqa: B009
        os.register_at_fork(after_in_child=free)
    return lock


# Numba's fallback threading layer ("workqueue") ends the process when two Python threads start
# parallel regions at once, and the other layers would oversubscribe the cores: so one at a time.
_REGION = fork_safe_lock()


def processors() -> int:
    """The processors that this process may use: at least 1, and not always all of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve(threads: int | None) -> int:
    """The number of threads to use.

    Args:
        threads: The caller's wish; None takes Numba's current number (``NUMBA_NUM_THREADS``, or
            what ``numba.set_num_threads`` set).

    Returns:
        At least 1.

    Raises:
        ThreadsError: Not an int from 1 to the number Numba was started with.
    """
    import numba

    if threads is None:
        return int(numba.get_num_threads())
    limit = numba.config.NUMBA_NUM_THREADS
    if not isinstance(threads, int) or not 1 <= threads <= limit:
        raise ThreadsError(
            f"`threads` must be an int from 1 to {limit} (got {threads!r}); a larger limit is set "
            "by NUMBA_NUM_THREADS before Python starts",
            threads=threads,
            limit=limit,
        )
    return threads


@contextlib.contextmanager
def parallel_region(threads: int) -> Iterator[None]:
    """Run the body, which starts one Numba parallel region, on `threads` threads."""
    import numba

    with _REGION:
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            yield
        finally:
            numba.set_num_threads(before)
