"""The strict comparison takes the sign of a batch norm."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from bnas.tools.bench.strict_cut import strict_cut


def bits(x: np.ndarray, threshold: np.ndarray, flip: np.ndarray) -> np.ndarray:
    return (x > threshold) ^ flip


@given(st.integers(0, 2**32 - 1))
def test_bits_are_those_of_the_batch_norm(seed: int) -> None:
    source = np.random.default_rng(seed)
    multiplier, offset = source.standard_normal((2, 64)).astype(np.float32)
    x = source.standard_normal((50, 64)).astype(np.float32)
    value = x.astype(np.float64) * multiplier + offset
    agree = bits(x, *strict_cut(multiplier, offset)) == (value >= 0)
    assert (agree | (np.abs(value) < 1e-6)).all()


def test_zero_is_positive_and_constants_are_constant() -> None:
    multiplier = np.array([1, -1, 0, 0, 0], np.float32)
    offset = np.array([0, 0, 1, -1, 0], np.float32)
    threshold, flip = strict_cut(multiplier, offset)
    assert bits(np.zeros(5, np.float32), threshold, flip).tolist() == [1, 1, 1, 0, 1]
    assert bits(np.full(5, 1e30, np.float32), threshold, flip).tolist() == [1, 0, 1, 0, 1]
    assert bits(np.full(5, -1e-20, np.float32), threshold, flip).tolist() == [0, 1, 1, 0, 1]
