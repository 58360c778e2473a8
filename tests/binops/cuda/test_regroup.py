"""Public bytes to pixel words, and back."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from bnas.binops.cuda.regroup_kernels import to_pixel_words, to_public_bytes

SHAPES = [
    (1, 1, 1),
    (2, 32, 9),
    (3, 70, 13),
    (2, 200, 5),
    (0, 8, 4),
    pytest.param((64, 512, 784), marks=pytest.mark.gpu),
]


def packed(bits):
    """Bits (N, C, P) as public bytes, and as pixel words."""
    octets = np.packbits(bits, axis=1, bitorder="little")
    channels = bits.shape[1]
    filled = np.pad(np.moveaxis(bits, 1, 2), ((0, 0), (0, 0), (0, -channels % 32)))
    words = np.ascontiguousarray(np.packbits(filled, axis=2, bitorder="little")).view("<u4")
    return octets, words


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_go_to_pixel_words_and_back(shape):
    images, channels, pixels = shape
    bits = np.random.default_rng(0).random(shape) < 0.5
    octets, words = packed(bits)
    source = cuda.to_device(octets.reshape(-1))
    target = cuda.to_device(np.full(words.size, 0xFFFFFFFF, np.uint32))
    again = cuda.to_device(np.full(octets.size, 255, np.uint8))
    to_pixel_words(source, images, channels, pixels, target)()
    np.testing.assert_array_equal(target.copy_to_host(), words.reshape(-1))
    to_public_bytes(target, images, channels, pixels, again)()
    np.testing.assert_array_equal(again.copy_to_host(), octets.reshape(-1))
