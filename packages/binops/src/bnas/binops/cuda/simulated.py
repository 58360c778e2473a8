"""Twins of `bnas.binops.cuda.warp` for Numba's CUDA simulator, by way of shared memory.

They wait for the whole block, where the instructions wait for a warp: a kernel that calls them in
a branch which other warps do not take stands still in the simulator. Blocks have one dimension.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types

#: Most threads of a block that the twins have room for.
MOST_THREADS = 1024
_FRAGMENTS = MOST_THREADS * 6


@cuda.jit(device=True)
def _matrix_sums(operation: Any, fragments: Any, sums: Any) -> Any:
    """C + popcount of the `operation` of two fragments."""
    thread = cuda.threadIdx.x
    staged = cuda.shared.array(_FRAGMENTS, types.uint32)
    for part in range(6):
        staged[thread * 6 + part] = fragments[part]
    cuda.syncthreads()
    warp, lane = thread // 32 * 32, thread % 32
    found = []
    for part in range(4):
        row, column = lane // 4 + part // 2 * 8, lane % 4 * 2 + part % 2
        total = int(sums[part])
        for word in range(8):
            a = staged[(warp + row % 8 * 4 + word % 4) * 6 + row // 8 + word // 4 * 2]
            b = staged[(warp + column * 4 + word % 4) * 6 + 4 + word // 4]
            total += int(operation(a, b)).bit_count()
        found.append(np.int32(total))
    cuda.syncthreads()
    return tuple(found)


@cuda.jit(device=True)
def mma_and(a0: Any, a1: Any, a2: Any, a3: Any, b0: Any, b1: Any,
            c0: Any, c1: Any, c2: Any, c3: Any) -> Any:  # fmt: skip
    """Twin of `warp.mma_and`."""
    return _matrix_sums(np.bitwise_and, (a0, a1, a2, a3, b0, b1), (c0, c1, c2, c3))


@cuda.jit(device=True)
def mma_xor(a0: Any, a1: Any, a2: Any, a3: Any, b0: Any, b1: Any,
            c0: Any, c1: Any, c2: Any, c3: Any) -> Any:  # fmt: skip
    """Twin of `warp.mma_xor`."""
    return _matrix_sums(np.bitwise_xor, (a0, a1, a2, a3, b0, b1), (c0, c1, c2, c3))


@cuda.jit(device=True)
def load4(words: Any, index: Any) -> Any:
    """Twin of `warp.load4`; refuses what the instruction would fault at."""
    assert index % 4 == 0, "a wide load must be aligned"
    assert index + 4 <= len(words), "a wide load must lie within its array"
    at = int(index)  # NumPy before 2.0 makes uint64 + 1 a float.
    return words[at], words[at + 1], words[at + 2], words[at + 3]


@cuda.jit(device=True)
def multiply_rn(x: Any, y: Any) -> Any:
    """Twin of `warp.multiply_rn`."""
    return np.float32(x) * np.float32(y)


@cuda.jit(device=True)
def add_rn(x: Any, y: Any) -> Any:
    """Twin of `warp.add_rn`."""
    return np.float32(x) + np.float32(y)


@cuda.jit(device=True)
def load2(values: Any, index: Any) -> Any:
    """Twin of `warp.load2`; refuses what the instruction would fault at."""
    assert index % 2 == 0, "a wide load must be aligned"
    assert index + 2 <= len(values), "a wide load must lie within its array"
    at = int(index)
    return values[at], values[at + 1]


@cuda.jit(device=True)
def _staged(value: Any) -> Any:
    """The values of all threads of the block, as Python integers."""
    shared = cuda.shared.array(MOST_THREADS, types.uint32)
    shared[cuda.threadIdx.x] = value
    cuda.syncthreads()
    values = [int(shared[thread]) for thread in range(cuda.blockDim.x)]
    cuda.syncthreads()
    return values


@cuda.jit(device=True)
def ballot(bit: Any) -> Any:
    """Twin of `warp.ballot`."""
    values = _staged(1 if bit else 0)
    first = cuda.threadIdx.x // 32 * 32
    present = min(32, cuda.blockDim.x - first)
    word = sum(values[first + lane] << lane for lane in range(present))
    return np.uint32(word).astype(np.int32)


@cuda.jit(device=True)
def quad_or(word: Any) -> Any:
    """Twin of `warp.quad_or`."""
    values = _staged(word)
    first = cuda.threadIdx.x // 4 * 4
    return np.uint32(values[first] | values[first + 1] | values[first + 2] | values[first + 3])


class _Memory:
    """What NumPy reads memory that somebody else owns from."""

    def __init__(self, interface: dict[str, Any], owner: Any) -> None:
        self.__array_interface__ = interface
        self.owner = owner


def view_memory(interface: dict[str, Any], owner: Any) -> Any:
    """Twin of `numba.cuda.from_cuda_array_interface`: a device array over the owner's memory."""
    return cuda.devicearray.FakeCUDAArray(np.asarray(_Memory(interface, owner)))


@cuda.jit(device=True)
def together() -> None:
    """Twin of `warp.together`: what needs all lanes waits for them here anyway."""
