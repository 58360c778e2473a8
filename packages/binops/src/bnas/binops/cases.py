"""The operands and geometry of one test case of each kernel."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from bnas.binops.geometry import window_count


@attrs.frozen(eq=False)
class GemmCase:
    """The operands of one matrix product.

    Args:
        a: float32 (M, K).
        b: float32 (N, K).
    """

    a: np.ndarray
    b: np.ndarray


@attrs.frozen(eq=False)
class ConvCase:
    """The operands and geometry of one convolution. Pairs are (height, width).

    Args:
        x: float32 (N, C, H, W).
        w: float32 (O, C / groups, KH, KW).
        stride: Steps between outputs.
        padding: Zeros on every side.
        dilation: Steps between taps.
        groups: Number of groups.
    """

    x: np.ndarray
    w: np.ndarray
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def geometry(self) -> dict[str, Any]:
        """The keyword arguments of `bnas.binops.conv2d`."""
        names = ("stride", "padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        """(N, O, OH, OW)."""
        height, width = (
            window_count(*axis)
            for axis in zip(
                self.x.shape[2:],
                self.w.shape[2:],
                self.stride,
                self.padding,
                self.dilation,
                strict=True,
            )
        )
        return len(self.x), len(self.w), height, width


@attrs.frozen(eq=False)
class PoolCase:
    """The operands and geometry of one max pooling. Pairs are (height, width).

    Args:
        x: float32 (N, C, H, W).
        kernel: Window.
        stride: Steps between windows.
        padding: Pixels on every side.
        invert: bool (C,).
    """

    x: np.ndarray
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    invert: np.ndarray
