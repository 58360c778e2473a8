"""Unpack bytes of eight channels into signs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.bits import byte_count
from bnas.binops.cuda.arrays import GpuArray
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks

THREADS = 128


@cuda.jit
def _unpack_kernel(source: Any, length: Any, inner: Any, total: Any, out: Any) -> None:
    """Turn a byte into eight signs."""
    item = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if item < total:
        rest = item // inner
        octets = (length + 7) // 8
        channel = rest % octets * 8
        at = (rest // octets * length + channel) * inner + item - rest * inner
        byte = np.uint32(source[item])
        for bit in range(8):
            if channel + bit < length:
                is_one = (byte >> np.uint32(bit)) & np.uint32(1)
                out[at + bit * inner] = np.int8(1) if is_one else np.int8(-1)


def unpack_planes(source: GpuArray, sizes: tuple[int, int, int], out: GpuArray) -> Launch:
    """Unpack bits.

    Args:
        source: uint8 (outer, ceil(length / 8), inner) in C order, of any shape.
        sizes: outer, length and inner.
        out: int8 (outer, length, inner) in C order, of any shape.

    Returns:
        The launch.
    """
    outer, length, inner = sizes
    total = outer * byte_count(length) * inner
    arguments = (source.memory("uint8"), length, inner, total, out.memory("int8"))
    return Launch(_unpack_kernel, blocks(total, THREADS), THREADS, arguments)


def specimens() -> list[Specimen]:
    """The kernel of this module for compile checks."""
    expects = dict.fromkeys(CAPABILITIES, "STG")
    numbers = (types.int64,) * 3
    signature = (types.uint8[::1], *numbers, types.int8[::1])
    return [Specimen("unpack", _unpack_kernel, signature, expects, 64)]
