"""Bools as 32-bit words."""

from __future__ import annotations

import numpy as np


def flag_words(flags: np.ndarray) -> np.ndarray:
    """Return flags (..., C) as words, uint32 (..., ceil(C / 32)), the first in the lowest bit."""
    missing = -flags.shape[-1] % 32
    padded = np.pad(flags, [(0, 0)] * (flags.ndim - 1) + [(0, missing)])
    packed = np.packbits(padded, axis=-1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u4").astype(np.uint32)
