"""A kernel with its arguments, ready to be queued, and a kernel as compile checks see it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from numba.core.errors import NumbaPerformanceWarning

_configuring = threading.Lock()
#: Compute capabilities that kernels are compiled for where there is no GPU.
CAPABILITIES = (7, 5), (8, 0), (9, 0)


@frozen(eq=False)
class Launch:
    """A kernel, how many threads run it, and what they get; queued by calling it.

    Arguments on the device are kept alive by it. Calling it allocates nothing and waits for
    nothing, so that calls can be captured as a CUDA graph.

    Args:
        kernel: What `numba.cuda.jit` made.
        grid: Number of blocks; with 0 nothing is queued.
        block: Threads of a block, a multiple of 32.
        arguments: Device arrays of one axis, and numbers.
    """

    kernel: Any
    grid: int
    block: int
    arguments: tuple[Any, ...]

    def __call__(self, stream: Any = 0) -> None:
        """Queue it on a Numba stream; 0 is the default one."""
        if not self.grid:
            return
        # Numba warns of every grid of fewer than 128 blocks; small layers have no more. Filters of
        # warnings are the process's, so that launches of several threads take turns.
        with _configuring, warnings.catch_warnings():
            warnings.simplefilter("ignore", NumbaPerformanceWarning)
            configured = self.kernel[self.grid, self.block, stream]
        configured(*self.arguments)


@frozen(eq=False)
class Specimen:
    """A kernel as compile checks see it, without a GPU.

    Args:
        name: What reports call it.
        kernel: What `numba.cuda.jit` made.
        signature: Numba's types of its arguments.
        expects: Compute capability, as (9, 0), -> beginning of an instruction of the machine code
            (SASS) that must be there. Only these capabilities are compiled for.
        most_registers: Registers a thread may take.
    """

    name: str
    kernel: Any
    signature: tuple[Any, ...]
    expects: Mapping[tuple[int, int], str] = field(factory=dict)
    most_registers: int = 255


def blocks(threads: int, block: int) -> int:
    """Blocks that hold a number of threads."""
    return -(-threads // block)
