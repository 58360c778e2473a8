"""`strict_cut`: batch norm and sign as one comparison, for runtimes that only know ``>``."""

from __future__ import annotations

import numpy as np

#: A number is +1 if it is above this: 0 is, and nothing below 0 that a network computes is.
JUST_BELOW_0 = np.float32(-1e-30)
_LARGEST = np.float32(3e38)


def strict_cut(multiplier: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the comparison that is true where ``x * multiplier + offset >= 0``.

    Exact but for rounding: where x is within a few units in the last place of the crossing.

    Args:
        multiplier: float32 (C,).
        offset: float32 (C,).

    Returns:
        float32 thresholds (C,) and bool flips (C,): ``(x > threshold) ^ flip`` is the bit. A bit
        that does not depend on x has a threshold beyond 1e38.
    """
    always = np.where(offset >= 0, -np.inf, np.inf)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        crossing = np.where(multiplier == 0, always, -offset.astype(np.float64) / multiplier)
    reached = np.clip(crossing, -_LARGEST, _LARGEST).astype(np.float32)
    flip = multiplier < 0
    # ">=" is ">" of the number before; "<=" is the opposite of ">".
    before = np.nextafter(reached, np.float32(-np.inf))
    # Runtimes take the smallest numbers for 0.
    before = np.where(np.abs(before) < -JUST_BELOW_0, JUST_BELOW_0, before)
    return np.where(flip, reached, before), flip
