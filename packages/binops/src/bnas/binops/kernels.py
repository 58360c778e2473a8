"""What a backend offers: the contract between the public functions and the kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs
import numpy as np

from bnas.binops.epilogues import Epilogue
from bnas.binops.geometry import ConvGeometry


class ConvKernel(Protocol):
    """A convolution with its weights and epilogues prepared."""

    def __call__(self, data: np.ndarray, outputs: Sequence[np.ndarray], threads: int) -> None:
        """Compute the counts of a batch and hand them to the epilogues.

        Args:
            data: uint8 (N, ceil(C / 8), H, W), C order.
            outputs: For each epilogue its array: int32 or float32 (N, O, H, W) of whole planes, or
                uint8 (N, ceil(O / 8), H, W).
            threads: Threads to use.
        """


@attrs.frozen(eq=False)
class Kernels:
    """The kernels of one backend. They trust their arguments: the public functions check.

    Args:
        pack_planes: (x float32 (outer, L, inner), thresholds float32 (L,), flips bool (L,), out
            uint8 (outer, ceil(L / 8), inner), threads) -> whether x holds a NaN.
        gemm: (a uint8 (M, B), b uint8 (N, B), length, threads) -> int32 (M, N).
        conv2d: (geometry, weights uint8 (O, group bytes, KH, KW), epilogues) -> ConvKernel.
        max_pool2d: (data uint8 (N, B, H, W), inverts uint8 (B,), window int64 (3, 2): kernel,
            stride, padding, out uint8 (N, B, OH, OW), threads) -> None.
    """

    pack_planes: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], bool]
    gemm: Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]
    conv2d: Callable[[ConvGeometry, np.ndarray, tuple[Epilogue, ...]], ConvKernel]
    max_pool2d: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], None]
