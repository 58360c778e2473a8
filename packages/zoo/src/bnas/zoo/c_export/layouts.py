"""Weights in the order in which the C kernels read them."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bnas.binops import BitTensor, unpack
from bnas.zoo.c_export.arenas import words_of

#: Outputs of a block, whose weights lie side by side: of bits, and of real weights.
BIT_BLOCK, REAL_BLOCK = 8, 16


def flag_words(flags: np.ndarray) -> np.ndarray:
    """Pack bools (..., C) into uint32 (..., ceil(C / 32)), channel 0 in the lowest bit."""
    packed = np.packbits(flags, axis=-1, bitorder="little")
    missing = 4 * words_of(flags.shape[-1]) - packed.shape[-1]
    padded = np.pad(packed, [(0, 0)] * (flags.ndim - 1) + [(0, missing)])
    return np.ascontiguousarray(padded).view("<u4").astype(np.uint32)


def binary_blocks(weight: np.ndarray, in_channels: int) -> np.ndarray:
    """Return the words of a binary convolution of one group, flat: blocks (taps, words, outputs).

    The last block is filled up with zeros: one path of code, of full vectors, costs less.

    Args:
        weight: uint8 (O, ceil(I / 8), K, K), the packed signs.
        in_channels: I.
    """
    words = flag_words(_signs(weight, in_channels))
    missing = -len(words) % BIT_BLOCK
    return _blocks(np.pad(words, [(0, missing), (0, 0), (0, 0)]), BIT_BLOCK)


@frozen(eq=False)
class GroupWords:
    """The words of a binary convolution with groups, which begin at any bit of a word.

    Attributes:
        weights: uint32 (O, taps, span), the bits where the group has them in the image.
        masks: uint32 (groups, span): the group's bits.
        first_words: int32 (groups,): the word of a pixel that the span begins at.
    """

    weights: np.ndarray
    masks: np.ndarray
    first_words: np.ndarray


def group_words(weight: np.ndarray, in_channels: int, groups: int) -> GroupWords:
    """Return the words of a binary convolution with groups.

    Args:
        weight: uint8 (O, ceil(I / groups / 8), K, K), the packed signs.
        in_channels: I.
        groups: Number of groups.
    """
    depth = in_channels // groups
    starts = depth * np.arange(groups)
    span = int(max((starts + depth - 1) // 32 - starts // 32)) + 1
    firsts = np.minimum(starts // 32, words_of(in_channels) - span)
    signs = _signs(weight, depth)
    placed = np.zeros((*signs.shape[:2], 32 * span), bool)
    masks = np.zeros((groups, 32 * span), bool)
    outputs = len(signs) // groups
    for group, offset in enumerate((starts - 32 * firsts).tolist()):
        own = slice(group * outputs, (group + 1) * outputs)
        placed[own, :, offset : offset + depth] = signs[own]
        masks[group, offset : offset + depth] = True
    return GroupWords(flag_words(placed), flag_words(masks), firsts.astype(np.int32))


def real_blocks(weight: np.ndarray) -> np.ndarray:
    """Return real weights, flat: of every group blocks (taps, outputs); in float16 if it can be.

    Args:
        weight: float32 (groups, O / groups, I / groups * K * K).

    Returns:
        uint16, the bits of float16, if all values are float16's; else float32.
    """
    flat = np.concatenate([_blocks(part[..., None], REAL_BLOCK) for part in weight])
    with np.errstate(over="ignore"):
        halves = flat.astype(np.float16)
    return halves.view(np.uint16) if np.array_equal(halves, flat) else flat


def _signs(weight: np.ndarray, in_channels: int) -> np.ndarray:
    """Return packed signs as bools (O, taps, I)."""
    signs: np.ndarray = np.greater(unpack(BitTensor(weight, axis=1, length=in_channels)), 0)
    by_filter: np.ndarray = signs.reshape(*signs.shape[:2], -1)
    return by_filter.swapaxes(1, 2)


def _blocks(weight: np.ndarray, size: int) -> np.ndarray:
    """Return (O, taps, depth) as one array of blocks of `size` outputs, the outputs innermost."""
    blocks = (weight[first : first + size] for first in range(0, len(weight), size))
    return np.concatenate([block.transpose(1, 2, 0).reshape(-1) for block in blocks])
