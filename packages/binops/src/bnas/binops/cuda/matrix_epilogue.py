"""From the sums in the registers of a warp to what a convolution makes of its counts.

What is in an array stays in registers only if every index is known when the kernel is compiled. The
compiler unrolls short loops, but not long ones; so there is a function for every row of a lane, and
for every output of bits, and each calls the next.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda, types

from bnas.binops.cuda import conv_header as header
from bnas.binops.cuda.activations import scaled_activation
from bnas.binops.cuda.conv_outputs import ACTIVATIONS, OutputKind
from bnas.binops.cuda.warp import WARP, add_rn, divide, inlined, load2, quad_or


@frozen
class WarpTile:
    """The sums of a warp, and what is made of them.

    Args:
        outputs: What is made.
        row_tiles: Tiles of 16 pixels.
        column_tiles: Tiles of 8 channels.
        is_xor: Whether the sums are those of XOR.
    """

    outputs: OutputKind
    row_tiles: int
    column_tiles: int
    is_xor: bool

    @property
    def lane_rows(self) -> int:
        """Pixels that a lane has sums of: rows g and g + 8 of every tile."""
        return 2 * self.row_tiles


@functools.cache
def matrix_epilogue(tile: WarpTile) -> Any:
    """Return the device function that makes the outputs of a warp's tile.

    A lane has two neighbouring channels of every tile of eight; its quad has all eight. So a lane
    collects its bits of a word, and the quad puts the word together.
    """
    return _rows_from(0, tile)


@functools.cache
def _rows_from(part: int, tile: WarpTile) -> Any:
    """Return the device function that makes the outputs of a lane's rows from `part` on."""
    if part == tile.lane_rows:

        @inlined
        def nothing(
            acc: Any, numbers: Any, reals: Any, bits: Any, floats: Any, counts: Any,
            row_border: Any, row_ones: Any, first_row: Any, warp_row: Any, pixels: Any,
            first_column: Any,
        ) -> None:  # fmt: skip
            return

        return nothing

    outputs, column_tiles = tile.outputs, tile.column_tiles
    words = -(-column_tiles // 4)
    bits_count, packs_count, sinks = outputs.bits, outputs.packs, max(1, outputs.words)
    has_bits, has_counts, has_floats = outputs.words > 0, outputs.counts, bool(outputs.activation)
    adds, is_planar = outputs.adds, outputs.is_planar
    activate = scaled_activation(outputs.activation or "none")
    pack_rows = 1 + ACTIVATIONS[outputs.activation or "none"]
    sum_factor, ones_factor = (-2, 0) if tile.is_xor else (4, -2)
    first_sum = part // 2 * column_tiles * 4 + part % 2 * 2
    store = _store_words(0, outputs.words)
    following = _rows_from(part + 1, tile)

    @inlined
    def epilogue(
        acc: Any, numbers: Any, reals: Any, bits: Any, floats: Any, counts: Any,
        row_border: Any, row_ones: Any, first_row: Any, warp_row: Any, pixels: Any,
        first_column: Any,
    ) -> None:  # fmt: skip
        lane = cuda.threadIdx.x % WARP
        row = np.uint32(warp_row + part * 8 + lane // 4)
        pixel = first_row + row
        is_inside = pixel < pixels
        size = numbers[header.OUT_HEIGHT] * numbers[header.OUT_WIDTH]
        table = np.uint64(numbers[header.TABLE_CHANNELS])
        # Of the lane's first channel: all others are at constant distances from it.
        own = first_column + 2 * (lane % 4)
        own_channels = numbers[header.CHANNELS] - own if is_inside else 0
        own_words = ((numbers[header.CHANNELS] + 31) >> 5) - (first_column >> 5)
        thresholds = np.uint64(numbers[header.THRESHOLDS] + own)
        channel = np.uint64(own)
        border, ones = np.uint64(row_border[row] + own), row_ones[row] * ones_factor
        float_at, float_step = _place(numbers, header.FLOAT_PLACE, pixel, size, own)
        count_at, count_step = _place(numbers, header.COUNT_PLACE, pixel, size, own)
        collected = cuda.local.array(sinks, types.uint32)
        for word in range(words):
            for sink in range(sinks):
                collected[sink] = np.uint32(0)
            for column in range(min(4, column_tiles - word * 4)):
                nearer = np.uint64(word * 32 + column * 8)
                borders = load2(numbers, border + nearer)
                for side in range(2):
                    further = word * 32 + column * 8 + side
                    distance = np.uint64(further)
                    bit = np.uint32(1) << np.uint32(column * 8 + side)
                    count = acc[first_sum + (word * 4 + column) * 4 + side] * sum_factor + ones
                    count = np.int32(count + borders[side])
                    for sink in range(bits_count):
                        cuts = load2(numbers, thresholds + np.uint64(sink) * table + nearer)
                        if count >= cuts[side]:
                            collected[sink] |= bit
                    if has_counts and further < own_channels:
                        counts[count_at + distance * count_step] = count
                    if has_floats:
                        value = activate(count, channel + distance, reals, table)
                        if further < own_channels:
                            to = float_at + distance * float_step
                            if adds:
                                value = add_rn(floats[to], value)
                            floats[to] = value
                        for sink in range(packs_count):
                            at = np.uint64(pack_rows + sink) * table + channel + nearer
                            if value >= load2(reals, at)[side]:
                                collected[bits_count + sink] |= bit
            if has_bits:
                is_stored = is_inside and word < own_words
                store(collected, numbers, bits, pixel, (first_column >> 5) + word, is_stored)
        following(
            acc, numbers, reals, bits, floats, counts, row_border, row_ones, first_row, warp_row,
            pixels, first_column,
        )  # fmt: skip

    @inlined
    def _place(numbers: Any, at: Any, pixel: Any, size: Any, channel: Any) -> Any:
        """Where a channel of a pixel lies, and the step from channel to channel."""
        step = numbers[at + 3] if is_planar else 1
        first = numbers[at] + channel * step
        if is_planar:
            image, rest = divide(pixel, size)
            first += image * numbers[at + 1] + rest
        else:
            first += pixel * numbers[at + 2]
        return np.uint64(first), np.uint64(step)

    return epilogue


@functools.cache
def _store_words(sink: int, sinks: int) -> Any:
    """Return the device function that puts words together and stores them, from `sink` on."""
    if sink == sinks:

        @inlined
        def nothing(
            collected: Any, numbers: Any, bits: Any, pixel: Any, index: Any, is_stored: Any
        ) -> None:
            return

        return nothing

    others = _store_words(sink + 1, sinks)

    @inlined
    def store(
        collected: Any, numbers: Any, bits: Any, pixel: Any, index: Any, is_stored: Any
    ) -> None:
        place = cuda.threadIdx.x % 4
        found = quad_or(np.uint32(collected[sink] << np.uint32(2 * place)))
        if place == sink % 4 and is_stored:
            table_words = (numbers[header.TABLE_CHANNELS] + 31) >> 5
            flip = numbers[np.uint64(numbers[header.FLIPS] + sink * table_words + index)]
            at = np.uint64(numbers[header.WORD_PLACES] + sink * 3)
            first, step = numbers[at] + numbers[at + np.uint64(2)], numbers[at + np.uint64(1)]
            bits[np.uint64(first + pixel * step + index)] = found ^ np.uint32(flip)
        others(collected, numbers, bits, pixel, index, is_stored)

    return store
