"""Launches as a CUDA graph: queued by one call, at a fraction of the cost of queueing each."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from numba import cuda
from numba.core import config

from bnas.binops.errors import BackendUnavailableError

#: Takes the stream to queue on: Numba's, or 0 for the default one.
Queued = Callable[[Any], None]


def capture(queue: Queued) -> Queued:
    """Record what is queued, once, to be queued again and again.

    Args:
        queue: Queues launches on the stream that it is given. All kernels must have run before:
            loading one cannot be recorded. What they point to must outlive the result.

    Returns:
        Queues the same on any stream of this GPU. In the simulator, `queue` itself.

    Raises:
        BackendUnavailableError: The driver refuses; with its words.
    """
    if config.ENABLE_CUDASIM:
        return queue
    from numba.cuda.cudadrv.driver import binding as driver

    # The default stream cannot be captured. Relaxed: other threads, and Numba when it frees what
    # nobody needs any more, may call the driver meanwhile.
    stream = cuda.stream()
    handle = driver.CUstream(int(stream.handle))
    mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
    with cuda.defer_cleanup():
        _checked(driver.cuStreamBeginCapture(handle, mode))
        try:
            queue(stream)
        finally:
            ended = driver.cuStreamEndCapture(handle)
        graph = _checked(ended)
    executable = _checked(driver.cuGraphInstantiate(graph, 0))
    _checked(driver.cuGraphDestroy(graph))
    return _Graph(executable)


class _Graph:
    """A graph that can be launched.

    Args:
        executable: The driver's handle, owned by this.
    """

    def __init__(self, executable: Any) -> None:
        from numba.cuda.cudadrv.driver import binding as driver

        self._executable = executable
        self._launch = driver.cuGraphLaunch
        self._stream = driver.CUstream
        weakref.finalize(self, driver.cuGraphExecDestroy, executable)

    def __call__(self, stream: Any = 0) -> None:
        """Queue it."""
        handle = self._stream(int(stream.handle) if stream else 0)
        _checked(self._launch(self._executable, handle))


def _checked(answer: tuple[Any, ...]) -> Any:
    """Return what the driver answered, if it is not an error."""
    error, *values = answer
    if int(error):
        raise BackendUnavailableError(
            f"the GPU's driver refuses a graph: {error.name}", name="cuda", reason=error.name
        )
    return values[0] if values else None
