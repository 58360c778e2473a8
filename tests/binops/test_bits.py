"""`BitTensor` keeps the bit convention, and says what breaks it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from bnas import binops
from bnas.binops.bits import byte_count, tail_mask
from bnas.binops.errors import BinopsError, BitTensorError
from bnas.binops.testing import packed_arrays


@given(bits=packed_arrays())
def test_a_drawn_tensor_passes_its_own_validation(bits):
    again = binops.BitTensor(bits.data, bits.axis, bits.length)
    assert again.shape == bits.shape
    assert again.ndim == bits.data.ndim
    assert again.nbytes == bits.data.nbytes


@pytest.mark.parametrize(
    ("length", "count", "mask"), [(0, 0, 0), (1, 1, 0xFE), (8, 1, 0), (9, 2, 0xFE), (15, 2, 0x80)]
)
def test_byte_count_and_tail_mask(length, count, mask):
    assert byte_count(length) == count
    assert tail_mask(length) == mask


def test_shape_is_in_signs():
    bits = binops.BitTensor(np.zeros((2, 3, 4), np.uint8), axis=1, length=20)
    assert bits.shape == (2, 20, 4)
    assert bits.nbytes == 24
    assert repr(bits) == "BitTensor(shape=(2, 20, 4), axis=1, 24 bytes)"


def test_it_is_frozen_and_compares_by_identity():
    bits = binops.BitTensor(np.zeros((1, 1), np.uint8), axis=1, length=3)
    with pytest.raises(AttributeError):
        bits.length = 4
    assert bits != binops.BitTensor(bits.data, axis=1, length=3)


@pytest.mark.parametrize(
    ("data", "axis", "length", "message"),
    [
        (np.zeros((1, 1)), 1, 3, "or one on a GPU (got float64 array)"),
        ([[0]], 1, 3, "must be a uint8 NumPy array, or one on a GPU (got list)"),
        (np.zeros((1, 1), np.uint8), -1, 3, "`axis` must be an int from 0 to 1 (got -1"),
        (np.zeros((1, 1), np.uint8), 2, 3, "`axis` must be an int from 0 to 1 (got 2"),
        (np.zeros((1, 2), np.uint8), 1, 8, "2 bytes hold 9 to 16 signs (got 8)"),
        (np.zeros((1, 2), np.uint8), 1, 17, "2 bytes hold 9 to 16 signs (got 17)"),
        (np.zeros((1, 0), np.uint8), 1, -1, "0 bytes hold 0 to 0 signs (got -1)"),
        (np.full((1, 1), 8, np.uint8), 1, 3, "unused tail bits must be 0, but bits 3 to 7"),
    ],
)
def test_invalid_layouts_are_refused(data, axis, length, message):
    with pytest.raises(BitTensorError) as caught:
        binops.BitTensor(data, axis, length)
    assert message in str(caught.value)
    assert isinstance(caught.value, BinopsError)
    assert isinstance(caught.value, ValueError)
