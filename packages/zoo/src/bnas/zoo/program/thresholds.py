"""Batch norm and sign as one comparison, found by evaluating the float32 expression itself.

A bit is ``float32(float32(value * multiplier) + offset) >= 0``. Rounding is monotone, so along a
monotone value the bit changes at most once, and bisection over the values that the machine can
represent finds where, exactly. A channel that never changes gets a threshold out of range.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import frozen

Bits = Callable[[np.ndarray], np.ndarray]


@frozen(eq=False)
class Affine:
    """``value * multiplier + offset`` per channel, rounded to float32 after each operation.

    Attributes:
        multiplier: float32 (C,).
        offset: float32 (C,).
    """

    multiplier: np.ndarray
    offset: np.ndarray

    @classmethod
    def identity(cls, channels: int) -> Affine:
        """Return the map that changes nothing."""
        return cls(np.ones(channels, np.float32), np.zeros(channels, np.float32))

    def bits(self, values: np.ndarray) -> np.ndarray:
        """Return whether the mapped values (C,) are >= 0."""
        mapped: np.ndarray = values * self.multiplier + self.offset
        return mapped >= 0


@frozen(eq=False)
class Cut:
    """A comparison per channel: bit = ``(value >= threshold) ^ flip``.

    Attributes:
        threshold: int32 counts or float32 values (C,).
        flip: bool (C,).
    """

    threshold: np.ndarray
    flip: np.ndarray

    @property
    def finite(self) -> Cut:
        """The same comparison of finite values, without infinite thresholds.

        All values are >= the least of them: constant 1, and flipped constant 0.
        """
        is_never = np.isposinf(self.threshold)
        least = np.finfo(np.float32).min
        threshold = np.where(np.isinf(self.threshold), least, self.threshold)
        return Cut(threshold.astype(self.threshold.dtype), self.flip ^ is_never)


def rprelu(
    values: np.ndarray, shift_in: np.ndarray, slope: np.ndarray, shift_out: np.ndarray
) -> np.ndarray:
    """Return ``prelu(values - shift_in; slope) + shift_out`` in float32."""
    shifted = values - shift_in
    result: np.ndarray = np.where(shifted >= 0, shifted, shifted * slope) + shift_out
    return result


def integer_cut(bits: Bits, channels: int, largest: int) -> Cut:
    """Return the comparison on integer counts that equals `bits`.

    Args:
        bits: Maps int64 counts (C,) to bool (C,); monotone in each channel.
        channels: C.
        largest: Counts lie in -largest .. largest.

    Returns:
        int32 thresholds in -largest .. largest + 1; constant 1 is ``-largest``, constant 0 is
        ``largest + 1``, neither flipped.
    """
    return _bisect(bits, -largest, largest, np.zeros(channels, np.int64), np.int32)


def float_cut(affine: Affine) -> Cut:
    """Return the comparison on finite float32 values that equals ``affine.bits``.

    Returns:
        float32 thresholds; constant 1 is -infinity, constant 0 is +infinity, neither flipped.
    """
    largest = _ordinal(np.array([np.finfo(np.float32).max], np.float32))[0]
    channels = np.zeros(len(affine.offset), np.int64)

    def bits(ordinals: np.ndarray) -> np.ndarray:
        # Products may overflow to infinity, whose sign is right.
        with np.errstate(over="ignore"):
            return affine.bits(_from_ordinal(ordinals))

    cut = _bisect(bits, -largest, largest, channels, np.int64)
    threshold = _from_ordinal(np.clip(cut.threshold, -largest, largest))
    threshold[cut.threshold == -largest] = -np.inf
    threshold[cut.threshold == largest + 1] = np.inf
    return Cut(threshold, cut.flip)


def _bisect(bits: Bits, low: int, high: int, zeros: np.ndarray, dtype: type) -> Cut:
    """Find, per channel, the smallest value in low .. high whose bit differs from that of low."""
    first, last = bits(zeros + low), bits(zeros + high)
    below, above = zeros + low, zeros + high
    while np.any(above - below > 1):
        middle = (below + above) // 2
        same = bits(middle) == first
        below, above = np.where(same, middle, below), np.where(same, above, middle)
    constant = first == last
    threshold = np.where(constant, np.where(first, low, high + 1), above)
    return Cut(threshold.astype(dtype), first & ~constant)


def _ordinal(values: np.ndarray) -> np.ndarray:
    """Number the finite float32 values in ascending order; both zeros are 0."""
    raw = values.view(np.int32).astype(np.int64)
    return np.where(raw < 0, -(raw & 0x7FFFFFFF), raw)


def _from_ordinal(ordinals: np.ndarray) -> np.ndarray:
    """Return the float32 values with these numbers."""
    magnitude = np.abs(ordinals).astype(np.int32).view(np.float32)
    floats: np.ndarray = np.where(ordinals < 0, -magnitude, magnitude)
    return floats
