"""The weights of a convolution as its kernel on a GPU reads them."""

from __future__ import annotations

import numpy as np

from bnas.binops.geometry import ConvGeometry

#: Words of the depth that one matrix instruction takes.
CHUNK = 8
#: Output channels of one matrix instruction.
COLUMNS = 8
#: Most words that a matrix kernel reads of a row's depth in one go: two tiles of columns.
PAIR = 2


def words_of(channels: int) -> int:
    """Words that hold the bits of so many channels."""
    return -(-channels // 32)


def weight_bits(geometry: ConvGeometry, weight: np.ndarray) -> np.ndarray:
    """Unpack weights.

    Args:
        geometry: The convolution.
        weight: uint8 (O, ceil(I / groups / 8), KH, KW), packed along the input channels.

    Returns:
        bool (O, KH, KW, I / groups).
    """
    count = geometry.group_channels
    bits = np.unpackbits(weight, axis=1, count=count, bitorder="little")
    return np.ascontiguousarray(np.moveaxis(bits, 1, 3)).astype(np.bool_)


def as_words(bits: np.ndarray) -> np.ndarray:
    """Pack the last axis of bools into uint32 words, bit i of word j for element 32j + i."""
    words = words_of(bits.shape[-1])
    packed = np.packbits(bits, axis=-1, bitorder="little")
    missing = 4 * words - packed.shape[-1]
    padded = np.pad(packed, [(0, 0)] * (bits.ndim - 1) + [(0, missing)])
    return np.ascontiguousarray(padded).view("<u4").astype(np.uint32)


def fragment_words(bits: np.ndarray, table_channels: int) -> np.ndarray:
    """Lay weights out fragment by fragment (`bnas.binops.cuda.warp`).

    Args:
        bits: bool (O, KH, KW, I).
        table_channels: O and what fills up tiles, a multiple of 16; those have weights 0.

    Returns:
        uint32, flat: [chunk, pair of tiles of 8 columns, lane, 4], the four words being b0 and b1
        of either tile. The depth is taps times words, filled up with zeros to whole chunks.
    """
    outputs = len(bits)
    words = as_words(bits).reshape(outputs, -1)
    chunks = -(-words.shape[1] // CHUNK)
    padded = np.zeros((table_channels, chunks * CHUNK), np.uint32)
    padded[:outputs, : words.shape[1]] = words
    # [pair, tile, column g, chunk, half, word t] -> [chunk, pair, g, t, tile, half]
    parts = padded.reshape(table_channels // (COLUMNS * PAIR), PAIR, COLUMNS, chunks, 2, 4)
    return np.ascontiguousarray(parts.transpose(3, 0, 2, 5, 1, 4)).reshape(-1)


def group_words(geometry: ConvGeometry) -> int:
    """Words of the input that a group's channels lie in, at most."""
    count = geometry.group_channels
    firsts = np.arange(geometry.groups) * count
    return int(((firsts + count - 1) // 32 - firsts // 32).max()) + 1


def grouped_words(geometry: ConvGeometry, bits: np.ndarray, table_channels: int) -> np.ndarray:
    """Lay weights out tap by tap, at the bits of the words where the input has their channels.

    Args:
        geometry: The convolution.
        bits: bool (O, KH, KW, I / groups).
        table_channels: O and what fills up words; those have weights 0.

    Returns:
        uint32, flat: [tap, word of the group, table channels].
    """
    outputs, height, width, count = bits.shape
    words = group_words(geometry)
    groups = np.arange(outputs) // (outputs // geometry.groups)
    placed = np.zeros((table_channels, height, width, 32 * words), np.bool_)
    for output, group in enumerate(groups):
        first = group * count % 32
        placed[output, :, :, first : first + count] = bits[output]
    packed = as_words(placed).reshape(table_channels, height * width, words)
    return np.ascontiguousarray(packed.transpose(1, 2, 0)).reshape(-1)


def group_masks(geometry: ConvGeometry) -> np.ndarray:
    """Return which bits of its words are channels of a group: uint32 [groups, words]."""
    count = geometry.group_channels
    masks = np.zeros((geometry.groups, 32 * group_words(geometry)), np.bool_)
    for group in range(geometry.groups):
        first = group * count % 32
        masks[group, first : first + count] = True
    return as_words(masks)
