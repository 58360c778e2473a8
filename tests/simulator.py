"""Blocks of Numba's CUDA simulator whose threads sleep while they wait.

Numba's own loop asks all threads of a block over and over whether they wait, and takes the
interpreter from them by doing so: a kernel with barriers then takes ten times as long.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np


class Barrier:
    """What the threads of a block meet at; those that have ended are not waited for.

    Args:
        threads: Their number.
    """

    def __init__(self, threads: int) -> None:
        self._turn = threading.Condition()
        self._running = threads
        self._waiting = 0
        self._round = 0
        self.is_broken = False

    def wait(self) -> None:
        """Wait for the others."""
        with self._turn:
            begun = self._round
            self._waiting += 1
            if self._waiting == self._running:
                self._open()
            self._turn.wait_for(lambda: self._round != begun or self.is_broken)
            if self.is_broken:
                raise RuntimeError("another thread of the block failed")

    def leave(self, is_failure: bool) -> None:
        """End a thread."""
        with self._turn:
            self._running -= 1
            if is_failure:
                self.is_broken = True
                self._turn.notify_all()
            elif self._running and self._waiting == self._running:
                self._open()

    def _open(self) -> None:
        self._waiting = 0
        self._round += 1
        self._turn.notify_all()


@contextmanager
def sleeping_threads() -> Iterator[None]:
    """Let blocks of the simulator run so."""
    from numba.cuda.simulator import kernel

    def syncthreads(thread: Any) -> None:
        thread.barrier.wait()

    def run(manager: Any, grid_point: Any, *args: Any) -> None:
        points = list(np.ndindex(*manager._block_dim))
        barrier = Barrier(len(points))
        threads = []
        for point in points:
            thread = kernel.BlockThread(
                lambda: manager._f(*args), manager, grid_point, point, manager._debug
            )
            thread.barrier = barrier
            threads.append(thread)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failures = [thread.exception for thread in threads if thread.exception]
        own = [each for each in failures if "another thread" not in str(each[0])]
        for error, trace in own or failures:
            raise error.with_traceback(trace)

    original = kernel.BlockThread.run

    def run_thread(thread: Any) -> None:
        original(thread)
        thread.barrier.leave(is_failure=thread.exception is not None)

    with (
        mock.patch.object(kernel.BlockThread, "syncthreads", syncthreads),
        mock.patch.object(kernel.BlockThread, "run", run_thread),
        mock.patch.object(kernel.BlockManager, "run", run),
    ):
        yield
