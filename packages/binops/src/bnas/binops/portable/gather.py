"""Gather what every tap of a kernel sees into one row of bytes a tap."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bnas.binops.jit import kernel


class Shape(NamedTuple):
    """Sizes of one call, as the kernels take them."""

    group_bytes: int
    group_outputs: int
    dot_length: int
    out_channels: int
    in_width: int
    out_height: int
    out_width: int
    kernel_height: int
    kernel_width: int
    stride_height: int
    stride_width: int
    pad_height: int
    pad_width: int
    dilation_height: int
    dilation_width: int


@kernel()
def _copy(
    source: Any, source_start: Any, target: Any, target_start: Any, length: Any, step: Any
) -> None:
    """Copy bytes; unsigned indices, as a signed one may be negative and stops vectorising.

    Without the JIT `i` is a Python int, whose sum with uint64 is a float to NumPy 1: hence the
    conversions, which are nothing in machine code.
    """
    if length <= 0:
        return
    start, first, stride = np.uint64(source_start), np.uint64(target_start), np.uint64(step)
    if step == 1:
        for i in range(np.uint64(length)):
            target[first + np.uint64(i)] = source[start + np.uint64(i)]
    else:
        for i in range(np.uint64(length)):
            target[first + np.uint64(i)] = source[start + np.uint64(i) * stride]


@kernel()
def _gather_tap(plane: Any, shape: Any, ky: Any, kx: Any, rows: Any, target: Any) -> None:
    """Copy what one tap sees of a plane, for the output rows of the block; padding becomes 0.

    Where input and output rows are of one length, the rows of a tap lie one behind the other in
    both, and all of them are one copy; what it wraps from row to row at the edges is padding.
    """
    first_row, last_row = rows
    width = shape.in_width
    height = plane.shape[0] // width
    shift_y = ky * shape.dilation_height - shape.pad_height
    shift_x = kx * shape.dilation_width - shape.pad_width
    stride_y, stride_x = shape.stride_height, shape.stride_width
    out_width = shape.out_width
    left = min(out_width, max(0, (stride_x - 1 - shift_x) // stride_x))
    right = max(left, min(out_width, (width - 1 - shift_x) // stride_x + 1))
    top = min(last_row, max(first_row, (stride_y - 1 - shift_y) // stride_y))
    bottom = max(top, min(last_row, (height - 1 - shift_y) // stride_y + 1))
    start = (top - first_row) * out_width
    stop = (bottom - first_row) * out_width
    target[:start] = 0
    target[stop : (last_row - first_row) * out_width] = 0
    whole = stride_x == 1 and stride_y == 1 and width == out_width
    if whole and left < right:
        source_start = (top + shift_y) * width + left + shift_x
        _copy(plane, source_start, target, start + left, stop - start - left - out_width + right, 1)
    for row in range(top, bottom):
        place = (row - first_row) * out_width
        for x in range(left):
            target[place + x] = 0
        for x in range(right, out_width):
            target[place + x] = 0
        if not whole:
            source_start = (row * stride_y + shift_y) * width + left * stride_x + shift_x
            _copy(plane, source_start, target, place + left, right - left, stride_x)


@kernel()
def gather(planes: Any, shape: Any, rows: Any, columns: Any) -> None:
    """Fill `columns` with all taps of one group, in the order of the weights.

    Args:
        planes: uint8 (group bytes, H * W).
        shape: The sizes.
        rows: First output row of the block, and the one after its last.
        columns: uint8 (K, lanes), the result; rows of 0 after the last tap.
    """
    taps = 0
    for byte in range(planes.shape[0]):
        for ky in range(shape.kernel_height):
            for kx in range(shape.kernel_width):
                _gather_tap(planes[byte], shape, ky, kx, rows, columns[taps])
                taps += 1
    for spare in range(taps, columns.shape[0]):
        columns[spare, :] = 0
