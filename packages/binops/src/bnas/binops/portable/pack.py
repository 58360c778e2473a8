"""Pack the signs of float32 planes, threshold and direction fused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bnas.binops.jit import kernel
from bnas.binops.threads import parallel_region

# Below this many elements a parallel region costs more than it saves (about 10 us).
SERIAL_ELEMENTS = 1 << 16


@kernel()
def _pack_byte_plane(x: Any, thresholds: Any, flips: Any, out: Any, item: Any) -> Any:
    """Pack up to eight planes of one image into one plane of bytes; return 1 if one holds NaN."""
    outer, byte = divmod(item, out.shape[1])
    plane = out[outer, byte]
    found = np.uint8(0)
    for bit in range(min(8, x.shape[1] - 8 * byte)):
        channel = 8 * byte + bit
        row = x[outer, channel]
        threshold = thresholds[channel]
        flip = np.uint8(flips[channel])
        shift = np.uint8(bit)
        if bit == 0:
            plane[:] = 0
        for p in range(plane.shape[0]):
            value = row[p]
            found |= np.uint8(value != value)
            plane[p] |= np.uint8((np.uint8(value >= threshold) ^ flip) << shift)
    return found


@kernel()
def _pack_serial(x: Any, thresholds: Any, flips: Any, out: Any, found: Any) -> None:
    for item in range(found.shape[0]):
        found[item] = _pack_byte_plane(x, thresholds, flips, out, item)


@kernel(parallel=True)
def _pack_parallel(x: Any, thresholds: Any, flips: Any, out: Any, found: Any) -> None:
    for item in prange(found.shape[0]):
        found[item] = _pack_byte_plane(x, thresholds, flips, out, np.int64(item))


def pack_planes(
    x: np.ndarray, thresholds: np.ndarray, flips: np.ndarray, out: np.ndarray, threads: int
) -> bool:
    """Write ``(x >= threshold) ^ flip`` into bits (convention: `bnas.binops.bits`).

    Args:
        x: float32 (outer, L, inner), C order.
        thresholds: float32 (L,).
        flips: bool (L,).
        out: uint8 (outer, ceil(L / 8), inner), C order.
        threads: Threads to use.

    Returns:
        Whether `x` holds a NaN; `out` is then of no use.
    """
    found = np.zeros(out.shape[0] * out.shape[1], np.uint8)
    if threads == 1 or x.size < SERIAL_ELEMENTS:
        _pack_serial(x, thresholds, flips, out, found)
    else:
        with parallel_region(threads):
            _pack_parallel(x, thresholds, flips, out, found)
    return bool(found.any())
