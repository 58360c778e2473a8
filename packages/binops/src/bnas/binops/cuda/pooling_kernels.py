"""Pooling of float32 `[N, H, W, C]` and of pixel words, over the taps inside the image."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda, types

from bnas.binops.cuda.constants import upload
from bnas.binops.cuda.conv_outputs import FloatPlace, WordPlace
from bnas.binops.cuda.conv_weights import as_words
from bnas.binops.cuda.float_kernels import (
    FLOATS,
    FOUR,
    PAIR,
    THREADS,
    WORDS,
    float_pair,
    word_pair,
)
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks
from bnas.binops.cuda.warp import add_rn


@frozen
class PoolSizes:
    """Sizes of a pool, pixels.

    Args:
        images: Number of images.
        size: Height and width.
        out_size: Height and width of the result.
        window: Kernel, stride, padding and dilation, for both axes.
    """

    images: int
    size: tuple[int, int]
    out_size: tuple[int, int]
    window: tuple[int, int, int, int]

    @property
    def out_pixels(self) -> int:
        """Pixels of all results."""
        return self.images * self.out_size[0] * self.out_size[1]


@cuda.jit(device=True)
def _first_tap(start: Any, dilation: Any) -> Any:
    """First tap of a window that is not before the image."""
    return (dilation - 1 - start) // dilation if start < 0 else 0


@cuda.jit(device=True)
def _last_tap(start: Any, size: Any, taps: Any, dilation: Any) -> Any:
    """The tap after the last one that is not behind the image."""
    return min(taps, (size - 1 - start) // dilation + 1) if start < size else 0


@cuda.jit(device=True)
def _taps(pixel: Any, sizes: Any, window: Any) -> Any:
    """The image's first pixel, and, in both axes, start, first tap and the one after the last."""
    height, width, out_height, out_width = sizes
    taps, stride, padding, dilation = window
    image = pixel // (out_height * out_width)
    inside = pixel - image * (out_height * out_width)
    top = inside // out_width * stride - padding
    left = inside % out_width * stride - padding
    rows = top, _first_tap(top, dilation), _last_tap(top, height, taps, dilation)
    columns = left, _first_tap(left, dilation), _last_tap(left, width, taps, dilation)
    return image * (height * width), rows, columns


@functools.cache
def pool_kernel(is_max: bool) -> Any:
    """Return the kernel (floats, source, target, extent, sizes, window).

    As on the CPU, means are sums of columns, and these of rows.
    """
    neutral = np.float32(-np.inf if is_max else 0)

    @cuda.jit(device=True)
    def joined(value: Any, other: Any) -> Any:
        """Join two values to one."""
        if is_max:
            return other if other > value else value
        return add_rn(value, other)

    @cuda.jit
    def pool(floats: Any, source: Any, target: Any, extent: Any, sizes: Any, window: Any) -> None:
        index = cuda.grid(1)
        channels, values = extent
        if index < values:
            pixel = index // channels
            channel = index - pixel * channels
            first, rows, columns = _taps(pixel, sizes, window)
            result = neutral
            for column in range(columns[1], columns[2]):
                x = columns[0] + column * window[3]
                line = neutral
                for row in range(rows[1], rows[2]):
                    y = rows[0] + row * window[3]
                    place = first + y * sizes[1] + x
                    line = joined(line, floats[source[0] + place * source[1] + channel])
                result = joined(result, line)
            if not is_max:
                result /= np.float32((rows[2] - rows[1]) * (columns[2] - columns[1]))
            floats[target[0] + pixel * target[1] + channel] = result

    return pool


@cuda.jit
def pool_words(
    words: Any, inverts: Any, source: Any, target: Any, extent: Any, sizes: Any, window: Any
) -> None:
    """OR of the bits of the taps, AND where the channel is inverted."""
    index = cuda.grid(1)
    count, values = extent
    if index < values:
        pixel = index // count
        word = index - pixel * count
        invert = inverts[word]
        first, rows, columns = _taps(pixel, sizes, window)
        result = np.uint32(0)
        for row in range(rows[1], rows[2]):
            y = rows[0] + row * window[3]
            for column in range(columns[1], columns[2]):
                place = first + y * sizes[1] + columns[0] + column * window[3]
                result |= words[source[0] + place * source[1] + word] ^ invert
        words[target[0] + pixel * target[1] + word] = result ^ invert


@cuda.jit
def mean_pixels(floats: Any, source: Any, target: Any, extent: Any, size: Any) -> None:
    """Mean of all pixels of an image, summed in float64."""
    index = cuda.grid(1)
    channels, values = extent
    if index < values:
        image = index // channels
        channel = index - image * channels
        place = source[0] + image * size * source[1] + channel
        total = np.float64(0)
        for pixel in range(size):
            total += np.float64(floats[place + pixel * source[1]])
        floats[target[0] + image * target[1] + channel] = np.float32(total / np.float64(size))


def pool(
    floats: Any,
    source: FloatPlace,
    target: FloatPlace,
    sizes: PoolSizes,
    channels: int,
    *,
    is_max: bool,
) -> Launch:
    """Return the launch of a pool of floats.

    Args:
        floats: float32 device array of one axis.
        source: What is read.
        target: What is written.
        sizes: Sizes.
        channels: Number of channels.
        is_max: Maximum, or else mean.
    """
    extent = (channels, sizes.out_pixels * channels)
    arguments = (
        floats,
        float_pair(source),
        float_pair(target),
        extent,
        (*sizes.size, *sizes.out_size),
        tuple(sizes.window),
    )
    return Launch(pool_kernel(is_max), blocks(extent[1], THREADS), THREADS, arguments)


def pool_bits(
    words: Any, source: WordPlace, target: WordPlace, sizes: PoolSizes, falls: np.ndarray
) -> Launch:
    """Return the launch of a pool of bits.

    Args:
        words: uint32 device array of one axis.
        source: What is read.
        target: What is written.
        sizes: Sizes.
        falls: bool (C,), AND instead of OR.
    """
    inverts = as_words(falls)
    extent = (len(inverts), sizes.out_pixels * len(inverts))
    arguments = (
        words,
        upload(inverts),
        word_pair(source),
        word_pair(target),
        extent,
        (*sizes.size, *sizes.out_size),
        tuple(sizes.window),
    )
    return Launch(pool_words, blocks(extent[1], THREADS), THREADS, arguments)


def mean(
    floats: Any, source: FloatPlace, target: FloatPlace, shape: tuple[int, int, int]
) -> Launch:
    """Return the launch of the mean over all pixels.

    Args:
        floats: float32 device array of one axis.
        source: What is read.
        target: What is written, one pixel an image.
        shape: Images, pixels of an image, and channels.
    """
    images, size, channels = shape
    extent = (channels, images * channels)
    arguments = (floats, float_pair(source), float_pair(target), extent, size)
    # Small blocks: there are few sums, and each is long.
    return Launch(mean_pixels, blocks(extent[1], 32), 32, arguments)


def specimens() -> list[Specimen]:
    """The kernels of this file, for compile checks."""
    pool = (FLOATS, PAIR, PAIR, PAIR, FOUR, FOUR)
    bits = (WORDS, WORDS, PAIR, PAIR, PAIR, FOUR, FOUR)
    mean = (FLOATS, PAIR, PAIR, PAIR, types.int64)
    loads, sums, doubles = (dict.fromkeys(CAPABILITIES, name) for name in ("LDG", "FADD", "DADD"))
    return [
        Specimen("pool maximum", pool_kernel(True), pool, loads, 96),
        Specimen("pool mean", pool_kernel(False), pool, sums, 96),
        Specimen("pool bits", pool_words, bits, loads, 96),
        Specimen("mean", mean_pixels, mean, doubles, 40),
    ]
