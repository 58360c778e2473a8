"""Max pooling of signs in bytes: OR of a window's bits, AND where a channel's order is reversed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.cuda.arrays import GpuArray
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks

THREADS = 128
#: Numbers of a kernel: bytes of a pixel, sizes of input and output, kernel, stride, padding.
_NUMBERS = 11


@cuda.jit
def _pool_kernel(source: Any, inverts: Any, numbers: Any, total: Any, out: Any) -> None:
    """Pool a byte; a tap on padding is left out, so it is neutral."""
    item = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if item < total:
        octets, height, width, out_height, out_width = numbers[:5]
        kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w = numbers[5:]
        rest = item // out_width
        x = (item - rest * out_width) * stride_w - pad_w
        plane = rest // out_height
        y = (rest - plane * out_height) * stride_h - pad_h
        # AND by De Morgan: inverted bits go through the OR, and are inverted back.
        invert = np.uint32(inverts[plane % octets])
        found = np.uint32(0)
        for ky in range(max(0, -y), min(kernel_h, height - y)):
            row = (plane * height + y + ky) * width + x
            for kx in range(max(0, -x), min(kernel_w, width - x)):
                found |= np.uint32(source[row + kx]) ^ invert
        out[item] = np.uint8(found ^ invert)


def max_pool(source: GpuArray, inverts: Any, window: np.ndarray, out: GpuArray) -> Launch:
    """Pool packed planes.

    Args:
        source: uint8 (N, B, H, W) in C order.
        inverts: uint8 device array (B,); bit 1 where the channel takes AND.
        window: int64 (3, 2): kernel, stride and padding, each (height, width).
        out: uint8 (N, B, OH, OW) in C order.

    Returns:
        The launch.
    """
    numbers = (*source.shape[1:], *out.shape[2:], *(int(value) for value in window.flat))
    arguments = (source.memory("uint8"), inverts, numbers, out.size, out.memory("uint8"))
    return Launch(_pool_kernel, blocks(out.size, THREADS), THREADS, arguments)


def specimens() -> list[Specimen]:
    """The kernel of this module for compile checks."""
    octets, numbers = types.uint8[::1], types.UniTuple(types.int64, _NUMBERS)
    signature = (octets, octets, numbers, types.int64, octets)
    expects = dict.fromkeys(CAPABILITIES, "STG")
    return [Specimen("max pool", _pool_kernel, signature, expects, 64)]
