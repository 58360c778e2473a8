"""From the counts of a thread to what a convolution makes of them: one pixel, 32 channels."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import cuda

from bnas.binops.cuda import conv_header as header
from bnas.binops.cuda.activations import scaled_activation
from bnas.binops.cuda.conv_outputs import ACTIVATIONS, OutputKind
from bnas.binops.cuda.warp import add_rn, divide, inlined

#: Output channels of a thread: those of one word.
OUTPUTS = 32


@functools.cache
def output_maker(outputs: OutputKind) -> Any:
    """Return the device function that makes the outputs of one count."""
    bits_count, packs_count = outputs.bits, outputs.packs
    has_counts, has_floats, adds = outputs.counts, bool(outputs.activation), outputs.adds
    activate = scaled_activation(outputs.activation or "none")
    pack_rows = 1 + ACTIVATIONS[outputs.activation or "none"]

    @inlined
    def make(
        numbers: Any, reals: Any, floats: Any, counts: Any, pixel: Any, first_output: Any,
        part: Any, count: Any, collected: Any,
    ) -> None:  # fmt: skip
        table = np.uint64(numbers[header.TABLE_CHANNELS])
        channel = np.uint64(first_output + part)
        thresholds = np.uint64(numbers[header.THRESHOLDS])
        bit = np.uint32(1) << np.uint32(part)
        for sink in range(bits_count):
            if count >= numbers[thresholds + np.uint64(sink) * table + channel]:
                collected[sink] |= bit
        if first_output + part < numbers[header.CHANNELS]:
            if has_counts:
                counts[_place(numbers, header.COUNT_PLACE, pixel, channel)] = count
            if has_floats:
                value = activate(count, channel, reals, table)
                at = _place(numbers, header.FLOAT_PLACE, pixel, channel)
                if adds:
                    value = add_rn(floats[at], value)
                floats[at] = value
                for sink in range(packs_count):
                    if value >= reals[np.uint64(pack_rows + sink) * table + channel]:
                        collected[bits_count + sink] |= bit

    @cuda.jit(device=True)
    def _place(numbers: Any, at: Any, pixel: Any, channel: Any) -> Any:
        size = numbers[header.OUT_HEIGHT] * numbers[header.OUT_WIDTH]
        image, rest = divide(pixel, size)
        first = numbers[at] + image * numbers[at + 1] + rest * numbers[at + 2]
        return np.uint64(first) + channel * np.uint64(numbers[at + 3])

    return make


@functools.cache
def word_store(outputs: OutputKind) -> Any:
    """Return the device function that stores the collected words of a pixel."""
    sinks = outputs.words

    @inlined
    def store(numbers: Any, bits: Any, collected: Any, pixel: Any, index: Any) -> None:
        table_words = numbers[header.TABLE_CHANNELS] >> 5
        for sink in range(sinks):
            flip = numbers[np.uint64(numbers[header.FLIPS] + sink * table_words + index)]
            at = np.uint64(numbers[header.WORD_PLACES] + sink * 3)
            first, step = numbers[at] + numbers[at + np.uint64(2)], numbers[at + np.uint64(1)]
            bits[np.uint64(first + pixel * step + index)] = collected[sink] ^ np.uint32(flip)

    return store
