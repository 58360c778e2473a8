"""Batch norm + sign as one comparison: every case of the fusion, against the expression itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.zoo.program.thresholds import Affine, float_cut, integer_cut

LARGEST = 27
COUNTS = np.arange(-LARGEST, LARGEST + 1)


def fused_relu_bits(scale: float, gamma: float, beta: float, mean: float) -> np.ndarray:
    """Return the bits of all counts by the fused comparison."""
    multiplier = np.float32(gamma / np.sqrt(1 + 1e-5))
    offset = np.float32(beta - mean * gamma / np.sqrt(1 + 1e-5))
    affine = Affine(np.array([multiplier]), np.array([offset]))
    values = np.array([scale], np.float32)

    def bits(counts: np.ndarray) -> np.ndarray:
        return affine.bits(np.maximum(counts.astype(np.float32) * values, np.float32(0)))

    cut = integer_cut(bits, 1, LARGEST)
    fused = (cut.threshold[0] <= COUNTS) ^ cut.flip[0]
    direct = np.array([bits(np.array([count]))[0] for count in COUNTS])
    np.testing.assert_array_equal(fused, direct)
    return fused


class TestIntegerCut:
    """The table of the design: y = relu(scale * count), cut at t = mean - beta*std/gamma."""

    def test_rising_above_a_positive_cut(self) -> None:
        bits = fused_relu_bits(scale=0.5, gamma=2.0, beta=0.0, mean=1.6)
        np.testing.assert_array_equal(bits, COUNTS >= 4)

    @pytest.mark.parametrize("mean", [0.0, -0.3])
    def test_rising_at_or_below_zero_is_constant_one(self, mean: float) -> None:
        """ReLU puts 0 out for every negative count: not `count >= t / scale`."""
        assert fused_relu_bits(scale=0.5, gamma=2.0, beta=0.0, mean=mean).all()

    def test_falling_below_a_positive_cut(self) -> None:
        bits = fused_relu_bits(scale=0.5, gamma=-2.0, beta=0.0, mean=1.6)
        np.testing.assert_array_equal(bits, COUNTS <= 3)

    def test_falling_below_zero_is_constant_zero(self) -> None:
        assert not fused_relu_bits(scale=0.5, gamma=-2.0, beta=0.0, mean=-0.1).any()

    def test_falling_at_zero_keeps_the_zeros(self) -> None:
        bits = fused_relu_bits(scale=0.5, gamma=-2.0, beta=0.0, mean=0.0)
        np.testing.assert_array_equal(bits, COUNTS <= 0)

    @pytest.mark.parametrize(("beta", "expected"), [(0.1, True), (0.0, True), (-0.1, False)])
    def test_gamma_zero_is_constant(self, beta: float, expected: bool) -> None:
        bits = fused_relu_bits(scale=0.5, gamma=0.0, beta=beta, mean=3.0)
        assert (bits == expected).all()

    @pytest.mark.parametrize(
        ("gamma", "mean", "expected"),
        [(1.0, 0.5, False), (1.0, -0.5, True), (-1.0, 0.5, True), (-1.0, -0.5, False)],
    )
    def test_scale_zero_compares_zero_with_the_cut(
        self, gamma: float, mean: float, expected: bool
    ) -> None:
        bits = fused_relu_bits(scale=0.0, gamma=gamma, beta=0.0, mean=mean)
        assert (bits == expected).all()

    def test_cut_above_every_count_is_constant_zero(self) -> None:
        assert not fused_relu_bits(scale=0.5, gamma=1.0, beta=0.0, mean=1e6).any()

    @given(
        scale=st.floats(0, 4, width=32),
        gamma=st.floats(-3, 3, width=32),
        beta=st.floats(-3, 3, width=32),
        mean=st.floats(-3, 30, width=32),
    )
    def test_any_channel(self, scale: float, gamma: float, beta: float, mean: float) -> None:
        fused_relu_bits(scale, gamma, beta, mean)

    def test_channels_are_independent(self) -> None:
        cuts = np.array([-3, 0, 5, LARGEST + 1])
        rises = np.array([True, False, True, True])
        cut = integer_cut(lambda counts: (counts >= cuts) == rises, 4, LARGEST)
        for channel in range(4):
            expected = (cuts[channel] <= COUNTS) == rises[channel]
            actual = (cut.threshold[channel] <= COUNTS) ^ cut.flip[channel]
            np.testing.assert_array_equal(actual, expected)


finite = st.floats(-(2.0**100), 2.0**100, width=32)


class TestFloatCut:
    """The same for float32 values: the comparison is the expression, to the last bit."""

    @given(multiplier=finite, offset=finite, values=st.lists(finite, min_size=1, max_size=20))
    def test_equals_the_expression(
        self, multiplier: float, offset: float, values: list[float]
    ) -> None:
        affine = Affine(np.array([multiplier], np.float32), np.array([offset], np.float32))
        cut = float_cut(affine)
        # Values next to the threshold are those that a wrong rounding would misplace.
        threshold = cut.threshold[0]
        near = [np.nextafter(threshold, np.float32(side)) for side in (-np.inf, np.inf)]
        candidates = [np.float32(value) for value in values] + [threshold, *near]
        for value in candidates:
            if not np.isfinite(value):
                continue
            with np.errstate(over="ignore"):
                expected = affine.bits(np.array([value], np.float32))[0]
            assert ((value >= threshold) ^ cut.flip[0]) == expected

    @pytest.mark.parametrize(("offset", "threshold"), [(0.5, -np.inf), (-0.5, np.inf)])
    def test_multiplier_zero_is_constant(self, offset: float, threshold: float) -> None:
        cut = float_cut(Affine(np.zeros(1, np.float32), np.array([offset], np.float32)))
        assert cut.threshold[0] == threshold
        assert not cut.flip[0]

    def test_both_zeros_are_alike(self) -> None:
        cut = float_cut(Affine.identity(1))
        for zero in (np.float32(0.0), np.float32(-0.0)):
            assert (zero >= cut.threshold[0]) ^ cut.flip[0]
        assert not (np.float32(-1e-45) >= cut.threshold[0]) ^ cut.flip[0]
