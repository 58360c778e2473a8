"""`worker_pool`: processes that work side by side, and end with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any

from bnas.search.errors import WorkerError

#: Seconds in which a worker that is told to stop may come to where it looks; then it is ended.
_GRACE_S = 5.0

_STOPPING = threading.Event()


def stopping() -> bool:
    """Return whether this worker ought to begin nothing more, and to end what is under way."""
    return _STOPPING.is_set()


def stop_here() -> None:
    """Let this worker begin nothing more, until the process that started it says so of all."""
    _STOPPING.set()


@contextmanager
def worker_pool(
    workers: int, prepare: Callable[..., None], arguments: tuple[Any, ...]
) -> Iterator[Callable[..., Any]]:
    """Yield the `submit` of a pool of processes of one thread each; wait for their end.

    When the block ends, by an error or Ctrl-C too, no call begins that looks at `stopping` first,
    and those under way have a few seconds to look at it before their process is ended. If the
    process that started them dies, by whatever signal, they die too.

    Args:
        workers: How many processes.
        prepare: Called in each of them, before all else.
        arguments: Of `prepare`; passed once a process.

    Raises:
        WorkerError: One of the processes died.
    """
    # Not forked: the threads of torch and Numba do not survive it.
    context = multiprocessing.get_context("spawn")
    # Nothing is ever sent. Only this process has the end to write to, so that the other end is at
    # its end of file once this one closes it, or dies. An Event would have a lock, which a worker
    # that is killed may hold.
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=_begin,
        initargs=(reader, prepare, arguments),
    )
    try:
        yield _without_interrupts(pool)
    except BrokenProcessPool as error:
        raise WorkerError from error
    finally:
        writer.close()
        pool.shutdown(cancel_futures=True)
        reader.close()


def _without_interrupts(pool: Executor) -> Callable[..., Any]:
    """Return the `submit` of a pool whose processes, which it starts, get no Ctrl-C.

    The terminal sends it to all; here only the process that started them answers it.
    """

    def submit(*call: Any) -> Any:
        if not hasattr(signal, "pthread_sigmask"):
            return pool.submit(*call)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(*call)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    return submit


def _begin(reader: Connection, prepare: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Prepare a process of the pool."""
    import numba
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    prepare(*arguments)


def _watch(reader: Connection) -> None:
    """Wait until this process is to stop or its parent has died, and see to its end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([reader, parent.sentinel])
    _STOPPING.set()
    # The parent, if it is alive, waits for the end of this process: by itself, or here.
    wait([parent.sentinel], timeout=_GRACE_S)
    # What a kill leaves can be gone on with, so that nothing needs to be put in order.
    os._exit(1)
