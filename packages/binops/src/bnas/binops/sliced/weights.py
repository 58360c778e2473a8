"""Weights as choices of words, and what the counters of each kind of pixel start with."""

from __future__ import annotations

import attrs
import numpy as np

from bnas.binops.geometry import ConvGeometry
from bnas.binops.sliced.counting import PAIRS
from bnas.binops.sliced.logic import PIXELS, WORD_BYTES, WORDS


@attrs.frozen(eq=False)
class SlicedWeights:
    """A convolution's weights for the bit-sliced kernel.

    Args:
        indices: uint8 (octets * bytes + 64,), the words of the tables that channels read: for each
            octet (sixteen pairs at a time, 8 channels, 8 bytes), half a byte a pair; a spare vector
            behind the last octet may be read.
        signs: uint8 (octets,), the parity of each channel's weights, a bit a channel.
        inputs: Taps times channels, tap by tap, rounded up to whole trees of pairs; weights of
            spare inputs are 0.
        trees: Trees of pairs.
    """

    indices: np.ndarray
    signs: np.ndarray
    inputs: int
    trees: int


def sliced_weights(geometry: ConvGeometry, weights: np.ndarray) -> SlicedWeights:
    """Choose the words of a convolution in one group.

    Args:
        geometry: The convolution.
        weights: uint8 (O, channel bytes, KH, KW), packed along the input channels.

    Returns:
        What the kernel takes.
    """
    bits = _octets(weight_bits(geometry, weights).reshape(geometry.out_channels, -1))
    octets, _, length = bits.shape
    trees = -(-length // (2 * PAIRS))
    inputs = trees * 2 * PAIRS
    bits = np.pad(bits, ((0, 0), (0, 0), (0, inputs - length)))
    first, second = bits[:, :, ::2], bits[:, :, 1::2]
    parity = np.cumsum(first ^ second, axis=2, dtype=np.uint8) & 1
    before = np.pad(parity[:, :, :-1], ((0, 0), (0, 0), (1, 0)))
    # The parity of an odd pair has the signs of the even one's inputs (`sliced.counting`).
    before[:, :, 1::2] ^= (first ^ second)[:, :, 1::2]
    choice = first | second << 1 | before << 2
    # Half a byte a pair, and a word of bytes after the other.
    packed = choice[:, :, ::2] | choice[:, :, 1::2] << 4
    packed = np.pad(packed, ((0, 0), (0, 0), (0, -packed.shape[2] % WORD_BYTES)))
    indices = packed.reshape(octets, WORDS, -1, WORD_BYTES).transpose(0, 2, 1, 3)
    spare = np.zeros(PIXELS, np.uint8)
    return SlicedWeights(
        indices=np.concatenate([indices.reshape(-1), spare]),
        signs=np.packbits(parity[:, :, -1], axis=-1, bitorder="little")[:, 0],
        inputs=inputs,
        trees=trees,
    )


def weight_bits(geometry: ConvGeometry, weights: np.ndarray) -> np.ndarray:
    """Return the weights of every tap and channel: uint8 (O, taps, C) of 0 and 1."""
    bits = np.unpackbits(weights, axis=1, bitorder="little")[:, : geometry.in_channels]
    return bits.reshape(len(bits), geometry.in_channels, -1).transpose(0, 2, 1)


def _octets(values: np.ndarray) -> np.ndarray:
    """Arrange (O, ...) as (octets, 8, ...), with zeros at the end."""
    spare = -len(values) % WORDS
    values = np.pad(values, [(0, spare)] + [(0, 0)] * (values.ndim - 1))
    return values.reshape(-1, WORDS, *values.shape[1:])


@attrs.frozen(eq=False)
class Kinds:
    """The pixels of an output by the taps that fall on padding.

    Args:
        valid: bool (kinds, taps), the taps inside the image.
        of_pixel: int64 (pixels,), the kind of each.
    """

    valid: np.ndarray
    of_pixel: np.ndarray


def pixel_kinds(geometry: ConvGeometry) -> Kinds:
    """Find the kinds of an output's pixels."""
    rows, columns = (geometry.valid_taps(axis) for axis in (0, 1))
    valid = rows[:, None, :, None] & columns[None, :, None, :]
    valid = valid.reshape(rows.shape[0] * columns.shape[0], -1)
    kinds, of_pixel = np.unique(valid, axis=0, return_inverse=True)
    return Kinds(kinds, of_pixel.reshape(-1))


@attrs.frozen(eq=False)
class Starts:
    """What the counters of every octet start with.

    Args:
        planes: uint8 (patterns, octets, planes, bytes of a vector), numbers bit by bit.
        of_block: int64 (blocks,), the pattern of each block of pixels.
    """

    planes: np.ndarray
    of_block: np.ndarray


def mismatches_on_padding(bits: np.ndarray, kinds: Kinds) -> np.ndarray:
    """What is counted but must not be: padding is bits of 0, which weights of 1 mismatch.

    Args:
        bits: uint8 (O, taps, C), the weights.
        kinds: Kinds of pixels.

    Returns:
        int64 (kinds, O).
    """
    skipped: np.ndarray = ~kinds.valid @ bits.sum(axis=2, dtype=np.int64).T
    return skipped


def start_planes(numbers: np.ndarray, kinds: Kinds, planes: int) -> Starts:
    """Lay numbers out as counters.

    Args:
        numbers: int64 (kinds, O).
        kinds: Kinds of pixels.
        planes: Bits of a counter.
    """
    spare = -len(kinds.of_pixel) % PIXELS
    of_block = np.pad(kinds.of_pixel, (0, spare), mode="edge").reshape(-1, PIXELS)
    patterns, turns = np.unique(of_block, axis=0, return_inverse=True)
    # As many bits as a counter can have, and no more: there is a number for every pixel.
    octets = _octets(numbers.T).transpose(2, 0, 1).astype(np.uint16)
    values = octets[patterns]
    words = np.empty((len(patterns), octets.shape[1], planes, WORDS, WORD_BYTES), np.uint8)
    for plane in range(planes):
        # (patterns, pixels, octets, channels) -> words of pixels.
        digits = np.packbits(values & np.uint16(1 << plane), axis=1, bitorder="little")
        words[:, :, plane] = digits.transpose(0, 2, 3, 1)
    return Starts(words.reshape(*words.shape[:3], PIXELS), turns.reshape(-1))
