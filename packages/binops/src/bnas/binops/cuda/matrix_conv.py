"""The convolution kernel for the 1-bit matrix instruction.

A block of warps makes a tile of output pixels by output channels, and then the tiles beside it. It
copies the range of input pixels that its outputs look at into shared memory; the depth (taps times
words) then runs over that range at offsets, eight words at a time. Padding reads a word of zeros.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.cuda import conv_header as header
from bnas.binops.cuda.conv_range import range_end, range_start, row_preparation
from bnas.binops.cuda.matrix_epilogue import WarpTile, matrix_epilogue
from bnas.binops.cuda.matrix_shape import MOST_TAPS, MatrixConv
from bnas.binops.cuda.warp import WARP, divide, load4, mma_and, mma_xor, together

#: Entries of the depth: a tap above this many bits of offset.
OFFSET_BITS = 24
OFFSET_MASK = (1 << OFFSET_BITS) - 1


@functools.cache
def matrix_conv_kernel(conv: MatrixConv) -> Any:
    """Return the kernel (images, source, weights, numbers, reals, bits, floats, counts)."""
    tile, words, step = conv.tile, conv.words, conv.pixel_step
    row_tiles, pairs = tile.row_tiles, tile.column_tiles // 2
    rows, columns, threads, warps_rows = tile.rows, tile.columns, tile.threads, tile.warps_rows
    lane_rows, sums = 2 * row_tiles, 4 * row_tiles * tile.column_tiles
    fragment, pair_words = 4 * row_tiles, 4 * pairs
    column_tiles = tile.column_tiles
    warp_columns = 8 * column_tiles
    zero = conv.range_pixels * step
    range_words, range_pixels = zero + 4, conv.range_pixels
    depth_words = 8 * -(-MOST_TAPS * words // 8)
    is_xor = conv.is_xor
    multiply = mma_xor if is_xor else mma_and
    prepare = row_preparation(words, step, is_xor)
    epilogue = matrix_epilogue(WarpTile(conv.outputs, row_tiles, column_tiles, is_xor))
    is_wide = words % 4 == 0

    @cuda.jit
    def matrix_conv(
        images: Any,
        source: Any,
        weights: Any,
        numbers: Any,
        reals: Any,
        bits: Any,
        floats: Any,
        counts: Any,
    ) -> None:
        pixels_in = cuda.shared.array(range_words, types.uint32)
        ones = cuda.shared.array(range_pixels, types.int32)
        depth = cuda.shared.array(depth_words, types.int32)
        row_base = cuda.shared.array(rows, types.int32)
        row_mask = cuda.shared.array(rows, types.uint32)
        row_border = cuda.shared.array(rows, types.int32)
        row_ones = cuda.shared.array(rows, types.int32)
        thread = cuda.threadIdx.x
        table = numbers[header.TABLE_CHANNELS]
        block_columns = numbers[header.BLOCK_COLUMNS]
        shares, _ = divide(table + block_columns - 1, block_columns)
        row_block, share = divide(cuda.blockIdx.x, shares)
        first_row, first_column = row_block * rows, share * block_columns
        last_column = min(first_column + block_columns, table)
        pixels = images * numbers[header.OUT_HEIGHT] * numbers[header.OUT_WIDTH]
        chunks = numbers[header.CHUNKS]

        # The range of input pixels, the depth, and what each row needs.
        start = range_start(numbers, first_row)
        length = range_end(numbers, min(first_row + rows, pixels) - 1) - start
        at = numbers[header.SOURCE] + start * words
        if is_wide:
            for part in range(thread, length * (words // 4), threads):
                four = load4(source, np.uint64(at + 4 * part))
                pixel, quarter = divide(part, words // 4)
                to = np.uint32(pixel * step + quarter * 4)
                for word in range(4):
                    pixels_in[to + np.uint32(word)] = four[word]
        else:
            for part in range(thread, length * words, threads):
                pixel, word = divide(part, words)
                pixels_in[np.uint32(pixel * step + word)] = source[np.uint64(at + part)]
        if thread < 4:
            pixels_in[zero + thread] = np.uint32(0)
        width = numbers[header.KERNEL_WIDTH]
        taps = numbers[header.KERNEL_HEIGHT] * width
        entry: Any
        where: Any
        for entry in range(thread, chunks * 8, threads):
            tap, word = divide(entry, words)
            ky, kx = divide(tap, width)
            y, x = ky * numbers[header.DILATION_Y], kx * numbers[header.DILATION_X]
            offset = (y * numbers[header.IN_WIDTH] + x) * step + word
            found = tap << OFFSET_BITS | offset if tap < taps else MOST_TAPS << OFFSET_BITS
            depth[np.uint32(entry)] = found
        cuda.syncthreads()
        prepare(
            numbers, first_row, pixels, start, length,
            pixels_in, ones, row_base, row_mask, row_border, row_ones,
        )  # fmt: skip
        cuda.syncthreads()

        # Sums of the tile of a warp, in registers.
        lane, warp = thread % WARP, thread // WARP
        group, place = lane // 4, lane % 4
        warp_row = warp % warps_rows * (16 * row_tiles)
        warp_column = warp // warps_rows * warp_columns
        acc = cuda.local.array(sums, types.int32)
        base = cuda.local.array(lane_rows, types.int32)
        mask = cuda.local.array(lane_rows, types.uint32)
        a = cuda.local.array(fragment, types.uint32)
        b = cuda.local.array(pair_words, types.uint32)
        for part in range(lane_rows):
            row = np.uint32(warp_row + part * 8 + group)
            base[part] = row_base[row]
            mask[part] = row_mask[row]
        weight_step = np.uint64(table * 8)
        for column in range(first_column + warp_column, last_column, columns):
            together()  # What is stored behind the loop parts the lanes of a warp.
            for part in range(sums):
                acc[part] = 0
            weight = np.uint64(column // 16 * 128 + lane * 4)
            entry = np.uint32(place)
            for _chunk in range(chunks):
                for half in range(2):
                    found = depth[np.uint32(entry + np.uint32(half * 4))]
                    tap = np.uint32(found >> OFFSET_BITS & 31)
                    offset = np.int32(found & OFFSET_MASK)
                    for part in range(lane_rows):
                        where = np.int32(base[part] + offset)
                        is_valid = np.uint32(mask[part] >> tap) & np.uint32(1)
                        where = where if is_valid else zero
                        # Rows g and g + 8 of a tile: parts 2i and 2i + 1.
                        a[part // 2 * 4 + half * 2 + part % 2] = pixels_in[np.uint32(where)]
                entry = np.uint32(entry + np.uint32(8))
                for pair in range(pairs):
                    four = load4(weights, weight + np.uint64(pair * 128))
                    for word in range(4):
                        b[pair * 4 + word] = four[word]
                weight += weight_step
                for m in range(row_tiles):
                    for n in range(column_tiles):
                        q = (m * column_tiles + n) * 4
                        c = multiply(
                            a[m * 4], a[m * 4 + 1], a[m * 4 + 2], a[m * 4 + 3],
                            b[n * 2], b[n * 2 + 1],
                            acc[q], acc[q + 1], acc[q + 2], acc[q + 3],
                        )  # fmt: skip
                        for part in range(4):
                            acc[q + part] = c[part]
            epilogue(
                acc, numbers, reals, bits, floats, counts, row_border, row_ones,
                first_row, warp_row, pixels, column,
            )  # fmt: skip

    return matrix_conv
