"""`Window`: how the taps of convolutions and pools lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """How the taps of a square window lie.

    Args:
        kernel: Side, taps.
        stride: Steps between outputs, pixels.
        padding: Pixels on every side that are zeros, or do not count.
        dilation: Steps between taps, pixels.
    """

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def is_in_place(self) -> bool:
        """Whether every tap sees the channel as it lies."""
        return self[:3] == (1, 1, 0)

    def inside(self, width: int, out_width: int) -> np.ndarray:
        """Outputs of a row whose taps lie inside the image.

        Args:
            width: Pixels of a row of the image.
            out_width: Pixels of a row of outputs.

        Returns:
            int64 (kernel, 2), the first one, and the one after the last, of every horizontal tap.
        """
        columns = self.dilation * np.arange(self.kernel)[:, None] - self.padding
        # The first outputs at or behind the edges of the image.
        limits = -((columns - [0, width]) // self.stride)
        return np.clip(limits, 0, out_width).astype(np.int64)
