"""The convolution kernel for every GPU and every geometry: XOR and population count.

A thread makes a word of output channels, 32, of one output pixel. Neighbouring threads take
neighbouring pixels, so that they read the same weights. Input comes through the first-level cache.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda, types

from bnas.binops.cuda import conv_header as header
from bnas.binops.cuda.conv_outputs import OutputKind
from bnas.binops.cuda.conv_range import border_of, first_tap, output_place
from bnas.binops.cuda.popcount_epilogue import OUTPUTS, output_maker, word_store
from bnas.binops.cuda.warp import divide, inlined, load4

#: Threads of a block.
THREADS = 128


@frozen
class PopcountConv:
    """What a kernel is compiled for.

    Args:
        words: Words of a pixel.
        group_words: Words that a group's channels lie in, at most.
        is_grouped: Whether there is more than one group.
        outputs: What is made of the counts.
    """

    words: int
    group_words: int
    is_grouped: bool
    outputs: OutputKind


@functools.cache
def popcount_conv_kernel(conv: PopcountConv) -> Any:
    """Return the kernel (images, source, weights, numbers, reals, bits, floats, counts)."""
    words, sinks = conv.words, max(1, conv.outputs.words)
    make_outputs = _grouped_outputs(conv) if conv.is_grouped else _outputs(conv)
    store = word_store(conv.outputs)

    @cuda.jit
    def popcount_conv(
        images: Any,
        source: Any,
        weights: Any,
        numbers: Any,
        reals: Any,
        bits: Any,
        floats: Any,
        counts: Any,
    ) -> None:
        table = numbers[header.TABLE_CHANNELS]
        size = numbers[header.OUT_HEIGHT] * numbers[header.OUT_WIDTH]
        pixel_block, word_block = divide(cuda.blockIdx.x, table >> 5)
        pixel = pixel_block * THREADS + cuda.threadIdx.x
        first_output = word_block * OUTPUTS
        if pixel >= images * size:
            return
        image, out_y, out_x = output_place(numbers, pixel)
        y, x = first_tap(numbers, out_y, out_x)
        image *= numbers[header.IN_HEIGHT] * numbers[header.IN_WIDTH]
        place = (numbers[header.SOURCE] + image * words, y, x, first_output)
        border = border_of(numbers, out_y, out_x)
        collected = cuda.local.array(sinks, types.uint32)
        for sink in range(sinks):
            collected[sink] = np.uint32(0)
        make_outputs(
            source, weights, numbers, reals, floats, counts, place, border, pixel, collected
        )
        store(numbers, bits, collected, pixel, word_block)

    return popcount_conv


@functools.cache
def _outputs(conv: PopcountConv) -> Any:
    """Return the device function that makes 32 outputs that read the same words."""
    words = conv.words
    make = output_maker(conv.outputs)

    @inlined
    def outputs(
        source: Any, weights: Any, numbers: Any, reals: Any, floats: Any, counts: Any,
        place: Any, border: Any, pixel: Any, collected: Any,
    ) -> None:  # fmt: skip
        image, y, x, first_output = place
        height, width = numbers[header.IN_HEIGHT], numbers[header.IN_WIDTH]
        table = np.uint64(numbers[header.TABLE_CHANNELS])
        masks = np.uint64(numbers[header.GROUP_MASKS])
        mismatches = cuda.local.array(OUTPUTS, types.int32)
        for part in range(OUTPUTS):
            mismatches[part] = 0
        weight = np.uint64(first_output)
        for ky in range(numbers[header.KERNEL_HEIGHT]):
            tap_y = y + ky * numbers[header.DILATION_Y]
            for kx in range(numbers[header.KERNEL_WIDTH]):
                tap_x = x + kx * numbers[header.DILATION_X]
                is_inside = 0 <= tap_y < height and 0 <= tap_x < width
                at = np.uint64(image + (tap_y * width + tap_x) * words if is_inside else 0)
                for index in range(words):
                    word = source[at + np.uint64(index)] if is_inside else np.uint32(0)
                    mask = np.uint32(numbers[masks + np.uint64(index)])
                    for quarter in range(OUTPUTS // 4):
                        four = load4(weights, weight + np.uint64(quarter * 4))
                        for part in range(4):
                            differing = np.uint32((word ^ four[part]) & mask)
                            mismatches[quarter * 4 + part] += cuda.popc(differing)
                    weight += table
        for part in range(OUTPUTS):
            count = np.int32(numbers[np.uint64(border + first_output + part)])
            count = np.int32(count - 2 * mismatches[part])
            make(numbers, reals, floats, counts, pixel, first_output, part, count, collected)

    return outputs


@functools.cache
def _grouped_outputs(conv: PopcountConv) -> Any:
    """Return the device function that makes 32 outputs, each with the words of its group."""
    words, group_words = conv.words, conv.group_words
    make = output_maker(conv.outputs)

    @cuda.jit(device=True)
    def mismatches_of(source: Any, weights: Any, numbers: Any, place: Any, output: Any) -> Any:
        image, y, x, _ = place
        height, width = numbers[header.IN_HEIGHT], numbers[header.IN_WIDTH]
        group, _ = divide(output, numbers[header.GROUP_OUTPUTS])
        first = group * numbers[header.GROUP_CHANNELS] >> 5
        masks = numbers[header.GROUP_MASKS] + group * group_words
        weight, found = output, 0
        for ky in range(numbers[header.KERNEL_HEIGHT]):
            tap_y = y + ky * numbers[header.DILATION_Y]
            for kx in range(numbers[header.KERNEL_WIDTH]):
                tap_x = x + kx * numbers[header.DILATION_X]
                is_inside = 0 <= tap_y < height and 0 <= tap_x < width
                at = image + (tap_y * width + tap_x) * words + first
                for index in range(group_words):
                    word = np.uint32(0)
                    # The last group may lie in fewer words than others.
                    if is_inside and first + index < words:
                        word = source[at + index]
                    mask = np.uint32(numbers[masks + index])
                    found += cuda.popc(np.uint32((word ^ weights[weight]) & mask))
                    weight += numbers[header.TABLE_CHANNELS]
        return found

    @inlined
    def outputs(
        source: Any, weights: Any, numbers: Any, reals: Any, floats: Any, counts: Any,
        place: Any, border: Any, pixel: Any, collected: Any,
    ) -> None:  # fmt: skip
        first_output = place[3]
        for part in range(min(OUTPUTS, numbers[header.CHANNELS] - first_output)):
            output = first_output + part
            mismatches = mismatches_of(source, weights, numbers, place, output)
            count = np.int32(numbers[border + output] - 2 * mismatches)
            make(numbers, reals, floats, counts, pixel, first_output, part, count, collected)

    return outputs
