"""Max pooling of signs: OR of the window's bits, AND where the channel's order is reversed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bnas.binops.jit import kernel
from bnas.binops.threads import parallel_region

# Below this many output bytes times taps a parallel region costs more than it saves.
SERIAL_BYTES = 1 << 18


@kernel()
def _pool_plane(data: Any, inverts: Any, window: Any, out: Any, item: Any) -> None:
    """Pool one plane of bytes; a tap on padding is left out, so it is neutral."""
    image, byte = divmod(item, out.shape[1])
    source = data[image, byte]
    target = out[image, byte]
    invert = inverts[byte]
    height, width = source.shape
    kernel_h, kernel_w = window[0]
    stride_h, stride_w = window[1]
    pad_h, pad_w = window[2]
    for oy in range(target.shape[0]):
        row = target[oy]
        row[:] = 0
        for ky in range(kernel_h):
            iy = oy * stride_h - pad_h + ky
            if iy < 0 or iy >= height:
                continue
            for kx in range(kernel_w):
                offset = kx - pad_w
                first = max(0, (stride_w - 1 - offset) // stride_w)
                last = min(row.shape[0], (width - 1 - offset) // stride_w + 1)
                for ox in range(first, last):
                    row[ox] |= source[iy, ox * stride_w + offset] ^ invert
        # AND by De Morgan: the inverted bits went through the OR, and are inverted back.
        for ox in range(row.shape[0]):
            row[ox] ^= invert


@kernel()
def _pool_serial(data: Any, inverts: Any, window: Any, out: Any) -> None:
    for item in range(out.shape[0] * out.shape[1]):
        _pool_plane(data, inverts, window, out, item)


@kernel(parallel=True)
def _pool_parallel(data: Any, inverts: Any, window: Any, out: Any) -> None:
    for item in prange(out.shape[0] * out.shape[1]):
        _pool_plane(data, inverts, window, out, np.int64(item))


def max_pool2d(
    data: np.ndarray, inverts: np.ndarray, window: np.ndarray, out: np.ndarray, threads: int
) -> None:
    """Pool packed planes.

    Args:
        data: uint8 (N, B, H, W), C order.
        inverts: uint8 (B,); bit 1 where the channel takes AND.
        window: int64 (3, 2): kernel, stride and padding, each (height, width).
        out: uint8 (N, B, OH, OW), C order.
        threads: Threads to use.
    """
    if threads == 1 or out.size * int(window[0].prod()) < SERIAL_BYTES:
        _pool_serial(data, inverts, window, out)
    else:
        with parallel_region(threads):
            _pool_parallel(data, inverts, window, out)
