"""The range of input pixels that a block of output pixels looks at, and what each one needs."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import cuda

from bnas.binops.cuda import conv_header as header
from bnas.binops.cuda.warp import divide, inlined


@inlined
def output_place(numbers: Any, pixel: Any) -> Any:
    """Image, row and column of an output pixel, counted over all images."""
    image, rest = divide(pixel, numbers[header.OUT_HEIGHT] * numbers[header.OUT_WIDTH])
    y, x = divide(rest, numbers[header.OUT_WIDTH])
    return image, y, x


@inlined
def first_tap(numbers: Any, y: Any, x: Any) -> Any:
    """Row and column of the first tap of an output's row and column."""
    y = y * numbers[header.STRIDE_Y] - numbers[header.PADDING_Y]
    return y, x * numbers[header.STRIDE_X] - numbers[header.PADDING_X]


@inlined
def border_of(numbers: Any, y: Any, x: Any) -> Any:
    """Where the row of the border's table is, for an output's row and column."""
    sets = numbers[np.uint64(numbers[header.ROW_SET] + y)] * numbers[header.COLUMN_SETS]
    sets += numbers[np.uint64(numbers[header.COLUMN_SET] + x)]
    return numbers[header.BORDER] + sets * numbers[header.TABLE_CHANNELS]


@inlined
def range_start(numbers: Any, row: Any) -> Any:
    """The first input pixel that output pixel `row` or a later one looks at, counted over all."""
    image, y, x = output_place(numbers, row)
    y, x = first_tap(numbers, y, x)
    height, width = numbers[header.IN_HEIGHT], numbers[header.IN_WIDTH]
    # Where a tap lies on padding the next row, or image, may begin before it would.
    first = image * height + min(max(y, 0), height)
    return first * width + (min(max(x, 0), width) if 0 <= y < height else 0)


@inlined
def range_end(numbers: Any, row: Any) -> Any:
    """One after the last input pixel that output pixel `row` or an earlier one looks at."""
    image, y, x = output_place(numbers, row)
    y, x = first_tap(numbers, y, x)
    height, width = numbers[header.IN_HEIGHT], numbers[header.IN_WIDTH]
    y += (numbers[header.KERNEL_HEIGHT] - 1) * numbers[header.DILATION_Y]
    x += (numbers[header.KERNEL_WIDTH] - 1) * numbers[header.DILATION_X]
    # And the row, or image, before may end behind it.
    last = image * height + min(max(y, -1), height - 1)
    return last * width + (min(max(x, -1), width - 1) if 0 <= y < height else width - 1) + 1


@functools.cache
def row_preparation(words: int, step: int, is_xor: bool) -> Any:
    """Return the device function that prepares what each row of a block needs."""

    @cuda.jit(device=True)
    def prepare(
        numbers: Any, first_row: Any, pixels: Any, start: Any, length: Any, pixels_in: Any,
        ones: Any, row_base: Any, row_mask: Any, row_border: Any, row_ones: Any,
    ) -> None:  # fmt: skip
        thread, threads = cuda.threadIdx.x, cuda.blockDim.x
        if not is_xor:
            for pixel in range(thread, length, threads):
                total = 0
                for word in range(words):
                    total += cuda.popc(pixels_in[np.uint32(pixel * step + word)])
                ones[np.uint32(pixel)] = total
            cuda.syncthreads()
        height, width = numbers[header.IN_HEIGHT], numbers[header.IN_WIDTH]
        for row in range(thread, row_base.size, threads):
            pixel = min(first_row + row, pixels - 1)
            image, out_y, out_x = output_place(numbers, pixel)
            y, x = first_tap(numbers, out_y, out_x)
            base = np.int32((image * height + y) * width + x - start)
            mask, total, tap = 0, 0, 0
            for ky in range(numbers[header.KERNEL_HEIGHT]):
                tap_y = ky * numbers[header.DILATION_Y]
                for kx in range(numbers[header.KERNEL_WIDTH]):
                    tap_x = kx * numbers[header.DILATION_X]
                    if 0 <= y + tap_y < height and 0 <= x + tap_x < width:
                        mask |= 1 << tap
                        if not is_xor:
                            total += ones[np.uint32(base + tap_y * width + tap_x)]
                    tap += 1
            at = np.uint32(row)
            row_base[at], row_mask[at], row_ones[at] = base * step, mask, total
            row_border[at] = border_of(numbers, out_y, out_x)

    return prepare
