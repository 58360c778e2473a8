"""Between public bits (bytes of eight channels, plane by plane) and pixel words (docs/adr/0012).

Public: uint8 ``[N, ceil(C / 8), P]`` for P pixels an image. Inside: uint32
``[N, P, ceil(C / 32)]``, bit i of word j for channel 32j + i. Unused bits are 0 in both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.bits import byte_count
from bnas.binops.cuda.conv_weights import words_of
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks
from bnas.binops.cuda.warp import WARP

#: Threads of a block. Its warps are neighbouring words of the same pixels, so that what they
#: write, a word every `words` words, fills whole sectors of memory together.
THREADS = 256


@cuda.jit(device=True)
def _place(words: Any, pixels: Any) -> Any:
    """(pixel of all images, its image, its place there, word) of a thread."""
    item = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    lane, group = item % WARP, item // WARP
    pixel = group // words * WARP + lane
    image = pixel // pixels
    return pixel, image, pixel - image * pixels, group % words


@cuda.jit
def _to_words_kernel(
    data: Any, total: Any, pixels: Any, pixel_bytes: Any, words: Any, out: Any
) -> None:
    """Put four bytes, each of its own plane, into a word."""
    pixel, image, inside, word = _place(words, pixels)
    if pixel < total:
        value = np.uint32(0)
        for part in range(4):
            byte = word * 4 + part
            if byte < pixel_bytes:
                found = np.uint32(data[(image * pixel_bytes + byte) * pixels + inside])
                value |= np.uint32(found << np.uint32(8 * part))
        out[pixel * words + word] = value


@cuda.jit
def _to_bytes_kernel(
    source: Any, total: Any, pixels: Any, pixel_bytes: Any, words: Any, out: Any
) -> None:
    """Put the four bytes of a word into their planes."""
    pixel, image, inside, word = _place(words, pixels)
    if pixel < total:
        value = source[pixel * words + word]
        for part in range(4):
            byte = word * 4 + part
            if byte < pixel_bytes:
                found = np.uint8((value >> np.uint32(8 * part)) & np.uint32(255))
                out[(image * pixel_bytes + byte) * pixels + inside] = found


def to_pixel_words(data: Any, images: int, channels: int, pixels: int, words: Any) -> Launch:
    """Turn public bytes into pixel words.

    Args:
        data: uint8 device array of one axis: (images, ceil(channels / 8), pixels) in C order.
        images: Images.
        channels: Channels, C.
        pixels: Pixels of an image.
        words: uint32 device array of one axis to write: (images, pixels, ceil(channels / 32)); it
            may be longer.

    Returns:
        The launch.
    """
    return _launch(_to_words_kernel, data, (images, channels, pixels), words)


def to_public_bytes(words: Any, images: int, channels: int, pixels: int, data: Any) -> Launch:
    """Turn pixel words into public bytes: undoes `to_pixel_words`.

    Args:
        words: uint32 device array of one axis: (images, pixels, ceil(channels / 32)) in C order,
            unused bits 0.
        images: Images.
        channels: Channels, C.
        pixels: Pixels of an image.
        data: uint8 device array of one axis to write: (images, ceil(channels / 8), pixels).

    Returns:
        The launch.
    """
    return _launch(_to_bytes_kernel, words, (images, channels, pixels), data)


def _launch(kernel: Any, source: Any, sizes: tuple[int, int, int], target: Any) -> Launch:
    """Launch a thread for each word; `sizes` are images, channels, pixels."""
    images, channels, pixels = sizes
    total, words = images * pixels, words_of(channels)
    grid = blocks(blocks(total, WARP) * words * WARP, THREADS)
    arguments = (source, total, pixels, byte_count(channels), words, target)
    return Launch(kernel, grid, THREADS, arguments)


def specimens() -> list[Specimen]:
    """The kernels of this module for compile checks."""
    numbers = (types.int64,) * 4
    octets, words = types.uint8[::1], types.uint32[::1]
    expects = dict.fromkeys(CAPABILITIES, "STG")
    return [
        Specimen("to words", _to_words_kernel, (octets, *numbers, words), expects, 64),
        Specimen("to bytes", _to_bytes_kernel, (words, *numbers, octets), expects, 64),
    ]
