"""Floats `[N, H, W, C]` to pixel words, for all readers in one pass.

A warp takes 32 channels of a pixel: every lane compares one, and a vote makes the word.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda

from bnas.binops.cuda.constants import upload
from bnas.binops.cuda.conv_outputs import FloatPlace, FloatThreshold, WordPlace
from bnas.binops.cuda.conv_weights import as_words
from bnas.binops.cuda.float_kernels import FLOATS, FOUR, INTS, PAIR, WORDS, float_pair
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks
from bnas.binops.cuda.warp import FULL, WARP, add_rn, ballot

#: Words that a warp makes, one after the other.
_ROUNDS = 4
#: Threads of a block; few words are spread over small ones.
_THREADS, _FEW_WORDS = 128, 4096
#: Numbers of a reader: its first word, and its words a pixel.
_NUMBERS = 2


@frozen(eq=False)
class FloatReader:
    """One reader's bits of floats.

    Args:
        cut: Thresholds and flips, for the channels that are read.
        place: Its words, all those of a pixel.
        channels: Bits of a pixel; those behind them, in the last word, are unused.
        first: The bit that the first channel becomes, the same for all readers.
    """

    cut: FloatThreshold
    place: WordPlace
    channels: int
    first: int = 0


@functools.cache
def pack_kernel(adds: bool) -> Any:
    """Return the kernel (floats, words, thresholds, masks, readers, source, addend, extent).

    Masks are, for every reader and word, the flips and the bits that are written. The extent is:
    words that are made of a pixel, words of all pixels, bits before the first channel in the first
    word, and channels.

    Args:
        adds: First add the addend to the source, and store the sum there.
    """

    @cuda.jit
    def pack_floats(
        floats: Any,
        words: Any,
        thresholds: Any,
        masks: Any,
        readers: Any,
        source: Any,
        addend: Any,
        extent: Any,
    ) -> None:
        lane = cuda.threadIdx.x % WARP
        warp = cuda.grid(1) // WARP
        count, items, skipped, channels = extent
        for turn in range(_ROUNDS):
            item = warp * _ROUNDS + turn
            pixel = item // count
            word = item - pixel * count
            channel = word * WARP + lane - skipped
            is_here = item < items and channel >= 0 and channel < channels
            value = np.float32(0)
            if is_here:
                place = source[0] + pixel * source[1] + channel
                value = floats[place]
                if adds:
                    value = add_rn(value, floats[addend[0] + pixel * addend[1] + channel])
                    floats[place] = value
            for reader in range(readers.size // _NUMBERS):
                row = reader * count + word
                # All lanes vote: none may leave before.
                is_bit = is_here and value >= thresholds[row * WARP + lane]
                bits = np.uint32(ballot(is_bit)) ^ masks[2 * row]
                if item < items and lane == reader % WARP:
                    first = readers[_NUMBERS * reader]
                    place = first + pixel * readers[_NUMBERS * reader + 1] + word
                    owned = masks[2 * row + 1]
                    # Other bits of a word at the edge are another launch's: this lane alone
                    # writes it.
                    if owned != np.uint32(FULL):
                        bits = (words[place] & ~owned) | (bits & owned)
                    words[place] = bits

    return pack_floats


def pack_all(
    arrays: tuple[Any, Any],
    source: FloatPlace,
    readers: Sequence[FloatReader],
    pixels: int,
    addend: FloatPlace | None = None,
) -> Launch:
    """Return the launch that packs floats.

    Args:
        arrays: Device arrays of one axis, float32 and uint32 words.
        source: What is read.
        readers: At least one; all of as many channels, which begin at the same bit.
        pixels: Number of pixels.
        addend: What is added to the source before, and stays in it.
    """
    channels, first = len(readers[0].cut.flip), readers[0].first
    skipped = first % WARP
    count = blocks(skipped + channels, WARP)
    thresholds = np.full((len(readers), count * WARP), np.inf, np.float32)
    masks = np.zeros((len(readers), count, 2), np.uint32)
    numbers = np.zeros((len(readers), _NUMBERS), np.int32)
    for index, reader in enumerate(readers):
        thresholds[index, skipped : skipped + channels] = reader.cut.threshold
        masks[index] = _masks(reader, count)
        place = reader.place
        numbers[index] = place.at + place.first + first // WARP, place.words
    items = pixels * count
    block = _THREADS if items > _FEW_WORDS else WARP
    arguments = (
        *arrays,
        *(upload(part.reshape(-1)) for part in (thresholds, masks, numbers)),
        float_pair(source),
        float_pair(addend or source),
        (count, items, skipped, channels),
    )
    kernel = pack_kernel(addend is not None)
    return Launch(kernel, blocks(items, block // WARP * _ROUNDS), block, arguments)


def _masks(reader: FloatReader, count: int) -> np.ndarray:
    """Return flips, and bits that are written, uint32 (count, 2)."""
    skipped = reader.first % WARP
    bit = np.arange(count * WARP)
    channels = len(reader.cut.flip)
    is_read = (bit >= skipped) & (bit < skipped + channels)
    is_unused = bit + reader.first - skipped >= reader.channels
    flips = np.zeros(count * WARP, bool)
    flips[is_read] = reader.cut.flip
    return np.stack([as_words(flips), as_words(is_read | is_unused)], 1)


def specimens() -> list[Specimen]:
    """The kernels of this file, for compile checks."""
    signature = (FLOATS, WORDS, FLOATS, WORDS, INTS, PAIR, PAIR, FOUR)
    expects = dict.fromkeys(CAPABILITIES, "VOTE")
    return [
        Specimen("pack floats", pack_kernel(False), signature, expects, 64),
        Specimen("add and pack floats", pack_kernel(True), signature, expects, 64),
    ]
