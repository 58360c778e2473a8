"""Times and memory on a GPU: by events of the GPU itself, not by the clock of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bnas.tools.bench.errors import BenchError

#: Inputs that calls alternate between are so many that together they exceed this: twice the L2
#: cache of an H200 (50 MiB), but at most so many.
ROTATING_BYTES, MOST_INPUTS = 100 * 2**20, 32


class NoGpuError(BenchError):
    """There is no GPU that can be used here; one line."""


def require_gpu() -> None:
    """Look whether kernels can run on a GPU here.

    Raises:
        NoGpuError: They cannot; it says why.
    """
    from bnas import binops

    found = binops.backends()["cuda"]
    if not found:
        raise NoGpuError(f"`device` cuda cannot be used here: {found.reason}")


def gpu_facts() -> dict[str, Any]:
    """Return name, capability and multiprocessors of the first GPU, as JSON knows them."""
    from numba import cuda

    device = cuda.get_current_device()
    name = getattr(device, "name", "simulator")
    return {
        "gpu": name.decode() if isinstance(name, bytes) else str(name),
        "capability": "{}.{}".format(*device.compute_capability),
        "multiprocessors": int(getattr(device, "MULTIPROCESSOR_COUNT", 1)),
    }


def rotating(input_bytes: int) -> int:
    """Return how many inputs of a size calls must alternate between, so that no cache has them."""
    return max(3, min(MOST_INPUTS, -(-ROTATING_BYTES // max(1, input_bytes))))


def device_ms(call: Callable[[], Any]) -> float:
    """Return the milliseconds between two events on the default stream, with a call between them.

    Args:
        call: Queues work on the default stream of Numba, which is that of torch too.
    """
    from numba import cuda

    begin, end = cuda.event(timing=True), cuda.event(timing=True)
    begin.record()
    call()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end))


def host_us(calls: Sequence[Callable[[], Any]]) -> float:
    """Return the microseconds that the host takes to queue one call of many."""
    import time

    from numba import cuda

    cuda.synchronize()
    begun = time.perf_counter()
    for call in calls:
        call()
    taken_s = time.perf_counter() - begun
    cuda.synchronize()
    return 1e6 * taken_s / len(calls)


class UsedMemory:
    """Device memory that is taken from its making on, kernels' code included."""

    def __init__(self) -> None:
        """Remember what is free."""
        self._before = self._free_bytes()

    @staticmethod
    def _free_bytes() -> int:
        from numba import cuda

        return int(cuda.current_context().get_memory_info().free)

    def megabytes(self) -> float:
        """Return what has been taken since, MB (1 MB = 1,000,000 bytes), >= 0."""
        return max(0, self._before - self._free_bytes()) / 1e6
