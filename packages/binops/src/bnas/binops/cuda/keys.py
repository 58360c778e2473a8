"""Numbers compared as integers: ``x >= t`` is ``key(x) >= cut`` for every type, exactly.

A kernel that packs signs thereby does no arithmetic in floats: float16 and bfloat16 need no
conversion, and an integer is not rounded to meet its threshold. Integers are their own keys. A
float's is its magnitude (all bits but the sign) with its sign, so that -0.0 and 0.0 have one key.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda

#: Bits of a channel's mode: turn the bit round; let the comparison count at all.
FLIP, LIVE = 1, 2
_INFINITY = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF << 52}


@frozen
class Key:
    """How numbers of a type become integers.

    Args:
        dtype: The type's name.
    """

    dtype: str

    @property
    def is_real(self) -> bool:
        """Whether it is a type of floats, which may be NaN."""
        return self.dtype in _INFINITY

    @property
    def infinity(self) -> int:
        """The key of infinity; a larger magnitude is NaN."""
        return _INFINITY[self.dtype]

    @property
    def cell(self) -> str:
        """NumPy's name of the type as which kernels read an element."""
        if self.is_real:
            return f"uint{self.dtype.removeprefix('b').removeprefix('float')}"
        return "uint8" if self.dtype == "bool" else self.dtype

    @property
    def cut(self) -> str:
        """NumPy's name of the type of keys and cuts."""
        if self.is_real:
            return "int64" if self.dtype == "float64" else "int32"
        return self.cell

    @property
    def plain_cut(self) -> int:
        """The cut of the threshold 0; a bool's is between False and True."""
        return 1 if self.dtype == "bool" else 0


@functools.cache
def key_function(dtype: str) -> Any:
    """Return the device function that makes a cell's key.

    Args:
        dtype: Name of a type of floats.

    Returns:
        (cell) -> (key, whether it is NaN).
    """
    key = Key(dtype)
    cell, signed = np.dtype(key.cell).type, np.dtype(key.cut).type
    most, infinity = cell(np.iinfo(key.cell).max >> 1), cell(key.infinity)

    @cuda.jit(device=True)
    def make_key(value: Any) -> Any:
        magnitude = cell(value & most)
        found = signed(magnitude)
        return (signed(-found) if value > most else found), magnitude > infinity

    return make_key


def cuts(
    dtype: str, thresholds: np.ndarray | None, flips: np.ndarray | None, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Turn thresholds and flips into cuts and modes.

    Args:
        dtype: Name of the type of the numbers that are compared.
        thresholds: float32 (length,) without NaN, or None for 0.
        flips: bool (length,), or None for all False.
        length: Number of channels.

    Returns:
        Cuts, of `Key.cut`, and uint8 modes, both (length,): the bit of x is 1 where
        ``(key(x) >= cut and mode & LIVE) != (mode & FLIP)``.
    """
    key = Key(dtype)
    turned = np.zeros(length, np.uint8) if flips is None else flips.astype(np.uint8) * FLIP
    if thresholds is None:
        return np.full(length, key.plain_cut, key.cut), turned | LIVE
    if key.is_real:
        return _real_cuts(dtype, thresholds).astype(key.cut), turned | LIVE
    if dtype == "bool":
        # True is the number 1, False is -1.
        found, above = (thresholds > -1).astype(np.uint8), thresholds > 1
    else:
        limits = np.iinfo(dtype)
        steps = np.ceil(thresholds.astype(np.float64))
        # float(limits.max) + 1 is a power of two, so both comparisons are exact.
        below, above = steps <= float(limits.min), steps >= float(limits.max + 1)
        inside = np.where(below | above, 0.0, steps).astype(dtype)
        found = np.where(below, limits.min, inside).astype(dtype)
    return found, turned | np.where(above, 0, LIVE).astype(np.uint8)


def _real_cuts(dtype: str, thresholds: np.ndarray) -> np.ndarray:
    """The key of the least number of a type of floats that reaches each threshold."""
    if dtype == "bfloat16":
        # A bfloat16 is the upper half of a float32, so keys are too: divided, and rounded up.
        return -((-_keys(thresholds, np.uint32)) >> 16)
    if dtype == "float16":
        with np.errstate(over="ignore"):  # what is beyond the largest becomes infinity
            nearest = thresholds.astype(np.float16)
            above = np.nextafter(nearest, np.float16(np.inf))
        least = np.where(nearest.astype(np.float32) < thresholds, above, nearest)
        return _keys(least, np.uint16)
    return _keys(thresholds.astype(dtype), np.uint32 if dtype == "float32" else np.uint64)


def _keys(values: np.ndarray, cell: Any) -> np.ndarray:
    """The keys of floats, int64."""
    bits = np.ascontiguousarray(values).view(cell)
    magnitudes: np.ndarray = (bits & cell(np.iinfo(cell).max >> 1)).astype(np.int64)
    return np.where(np.signbit(values), -magnitudes, magnitudes)
