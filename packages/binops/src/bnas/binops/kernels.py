"""What a backend offers: the contract between the public functions and the kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import attrs
import numpy as np

from bnas.binops.geometry import ConvGeometry


class Sinks(NamedTuple):
    """Where the counts of one convolution go; all flat, so that one compiled kernel serves all.

    A named tuple, which Numba takes as it is.

    T thresholds, N images, O channels, P pixels of an output plane. There is at most one float
    output: Numba's parallel loops take no tuple of arrays.

    Args:
        count_out: int32, the span of the count output; empty if it is not wanted.
        count_strides: int64 (2,), elements between images and between channels of it.
        thresholds: int32 (T, O).
        flips: bool (T, O).
        bit_out: uint8 (T, N, ceil(O / 8), P), C order.
        float_out: float32, the span of the float output; empty if it is not wanted.
        float_strides: int64 (2,), elements between images and between channels of it.
        scale: float32 (O,); empty if no float output is wanted.
        relu: Set floats that are not positive to 0.
        accumulate: Add to what `float_out` holds.
    """

    count_out: np.ndarray
    count_strides: np.ndarray
    thresholds: np.ndarray
    flips: np.ndarray
    bit_out: np.ndarray
    float_out: np.ndarray
    float_strides: np.ndarray
    scale: np.ndarray
    relu: bool
    accumulate: bool


class ConvKernel(Protocol):
    """A convolution with its weights prepared."""

    def __call__(self, data: np.ndarray, sinks: Sinks, threads: int) -> None:
        """Compute the counts of `data`, uint8 (N, ceil(C / 8), H, W) in C order, into `sinks`."""


@attrs.frozen(eq=False)
class Kernels:
    """The kernels of one backend. They trust their arguments: the public functions check.

    Args:
        pack_planes: (x float32 (outer, L, inner), thresholds float32 (L,), flips bool (L,), out
            uint8 (outer, ceil(L / 8), inner), threads) -> whether x holds a NaN.
        gemm: (a uint8 (M, B), b uint8 (N, B), length, threads) -> int32 (M, N).
        conv2d: (geometry, weights uint8 (O, group bytes, KH, KW)) -> ConvKernel.
        max_pool2d: (data uint8 (N, B, H, W), inverts uint8 (B,), window int64 (3, 2): kernel,
            stride, padding, out uint8 (N, B, OH, OW), threads) -> None.
    """

    pack_planes: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], bool]
    gemm: Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]
    conv2d: Callable[[ConvGeometry, np.ndarray], ConvKernel]
    max_pool2d: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], None]
