"""Memory for what a tape reads and writes again and again."""

from __future__ import annotations

import numpy as np

#: Bytes from which NumPy asks the system for huge pages.
_HUGE_BYTES = 1 << 22
#: Bytes from which that pays.
_LARGE_BYTES = 1 << 20


def buffer(size: int) -> np.ndarray:
    """Allocate memory, on huge pages where it is large: their addresses are translated sooner.

    Args:
        size: Bytes.

    Returns:
        uint8 (size,), of any values.
    """
    # What is never touched takes no memory but in the last huge page.
    room = max(size, _HUGE_BYTES) if size >= _LARGE_BYTES else size
    return np.empty(room, np.uint8)[:size]
