"""Operations value by value on float32 `[N, H, W, C]`, each rounded as NumPy rounds it.

A thread makes one value; neighbouring threads take neighbouring channels.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda, types

from bnas.binops.cuda.activations import FUNCTIONS
from bnas.binops.cuda.constants import upload
from bnas.binops.cuda.conv_outputs import FloatPlace, WordPlace
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks
from bnas.binops.cuda.warp import add_rn

#: Threads of a block.
THREADS = 128
FLOATS, WORDS, INTS = types.float32[::1], types.uint32[::1], types.int32[::1]
PAIR, FOUR = (types.UniTuple(types.int64, count) for count in (2, 4))
_ZERO = np.float32(0)


@cuda.jit(device=True)
def _fill(value: Any, parameters: Any, channel: Any, channels: Any) -> Any:
    return _ZERO


_FUNCTIONS = {
    "fill": _fill,
    "copy": FUNCTIONS["none"],
    "add": FUNCTIONS["none"],
    **{name: FUNCTIONS[name] for name in ("affine", "relu", "rprelu")},
}


@frozen(eq=False)
class Elementwise:
    """What becomes of every value by itself.

    Args:
        operation: "fill" (with 0), "copy", "add" (to the target), "affine", "relu" or "rprelu".
        parameters: float32 (C,) each: multiplier and offset of "affine"; shift_in, slope and
            shift_out of "rprelu", which is ``prelu(v - shift_in; slope) + shift_out``.
    """

    operation: str
    parameters: tuple[np.ndarray, ...] = ()


@functools.cache
def elementwise_kernel(operation: str) -> Any:
    """Return the kernel (floats, source, target, extent, parameters).

    Source and target are the first value and the steps between pixels; the extent is the number of
    channels and of values.
    """
    function, is_added = _FUNCTIONS[operation], operation == "add"

    @cuda.jit
    def elementwise(floats: Any, source: Any, target: Any, extent: Any, parameters: Any) -> None:
        index = cuda.grid(1)
        channels, values = extent
        if index < values:
            pixel = index // channels
            channel = index - pixel * channels
            place = target[0] + pixel * target[1] + channel
            value = floats[source[0] + pixel * source[1] + channel]
            value = function(value, parameters, channel, channels)
            floats[place] = add_rn(floats[place], value) if is_added else value

    return elementwise


@cuda.jit
def load_images(images: Any, floats: Any, target: Any, extent: Any) -> None:
    """Copy planes into pixels; the extent is channels, pixels of an image, pixels of all."""
    pixel = cuda.grid(1)
    channels, size, pixels = extent
    if pixel < pixels:
        image = pixel // size
        source = image * channels * size + pixel - image * size
        for channel in range(channels):
            floats[target[0] + pixel * target[1] + channel] = images[source + channel * size]


@cuda.jit
def unpack_words(words: Any, floats: Any, source: Any, target: Any, extent: Any) -> None:
    """Write +1 for a bit that is 1 and -1 for one that is 0."""
    index = cuda.grid(1)
    channels, values = extent
    if index < values:
        pixel = index // channels
        channel = index - pixel * channels
        word = words[source[0] + pixel * source[1] + channel // 32]
        one = (word >> np.uint32(channel % 32)) & np.uint32(1)
        floats[target[0] + pixel * target[1] + channel] = np.float32(1 if one else -1)


def float_pair(place: FloatPlace) -> tuple[int, int]:
    """The first value of a place, and the steps between its pixels."""
    return place.at + place.first, place.channels


def word_pair(place: WordPlace) -> tuple[int, int]:
    """The first word of a place, and the steps between its pixels."""
    return place.at + place.first, place.words


def elementwise(
    floats: Any,
    function: Elementwise,
    source: FloatPlace,
    target: FloatPlace,
    shape: tuple[int, int],
) -> Launch:
    """Return the launch of an operation.

    Args:
        floats: float32 device array of one axis.
        function: What is done.
        source: What is read; nothing for "fill".
        target: What is written, perhaps the same.
        shape: Number of pixels and of channels.
    """
    pixels, channels = shape
    values = pixels * channels
    parameters = np.concatenate([*function.parameters, np.zeros(1)]).astype(np.float32)
    arguments = (
        floats,
        float_pair(source),
        float_pair(target),
        (channels, values),
        upload(parameters),
    )
    kernel = elementwise_kernel(function.operation)
    return Launch(kernel, blocks(values, THREADS), THREADS, arguments)


def load(images: Any, floats: Any, target: FloatPlace, shape: tuple[int, int, int]) -> Launch:
    """Return the launch that takes images over.

    Args:
        images: float32 device array of one axis, (N, C, H, W) in C order.
        floats: float32 device array of one axis.
        target: Where they go.
        shape: Images, channels, and pixels of an image.
    """
    count, channels, size = shape
    extent = (channels, size, count * size)
    arguments = (images, floats, float_pair(target), extent)
    return Launch(load_images, blocks(count * size, THREADS), THREADS, arguments)


def unpack(
    arrays: tuple[Any, Any], source: WordPlace, target: FloatPlace, shape: tuple[int, int]
) -> Launch:
    """Return the launch that turns bits into +1 and -1.

    Args:
        arrays: Device arrays of one axis, uint32 words and float32.
        source: Pixel words.
        target: Where the values go.
        shape: Number of pixels and of channels.
    """
    pixels, channels = shape
    extent = (channels, pixels * channels)
    arguments = (*arrays, word_pair(source), float_pair(target), extent)
    return Launch(unpack_words, blocks(extent[1], THREADS), THREADS, arguments)


def specimens() -> list[Specimen]:
    """The kernels of this file, for compile checks."""
    elementwise = (FLOATS, PAIR, PAIR, PAIR, FLOATS)
    three = types.UniTuple(types.int64, 3)
    stores = dict.fromkeys(CAPABILITIES, "STG")
    every = [
        Specimen(f"elementwise {name}", elementwise_kernel(name), elementwise, stores, 32)
        for name in _FUNCTIONS
    ]
    unpack = (WORDS, FLOATS, PAIR, PAIR, PAIR)
    return [
        *every,
        Specimen("load images", load_images, (FLOATS, FLOATS, PAIR, three), stores, 40),
        Specimen("unpack words", unpack_words, unpack, stores, 32),
    ]
