"""Binary matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops import threads as _threads
from bnas.binops.dispatch import choose_backend
from bnas.binops.errors import ShapeError
from bnas.binops.operands import as_bits


def gemm(a: Any, b: Any, *, threads: int | None = None) -> np.ndarray:
    """Multiply two sign matrices: ``a @ b.T``, exactly.

    Args:
        a: (M, K) numbers, binarised by ``>= 0``, or a BitTensor packed on axis 1.
        b: (N, K) of the same kind, one filter a row.
        threads: Threads to use; None takes Numba's number.

    Returns:
        int32 (M, N), between -K and K.

    Raises:
        ShapeError: Not two axes, not packed on axis 1, or K differs.
        DtypeError: Not numbers in host memory.
        NanError: A number is NaN.
        ThreadsError: `threads` is not possible.

    Example:
        >>> gemm([[1, 1, -1]], [[1, -1, -1], [1, 1, -1]])
        array([[1, 3]], dtype=int32)
    """
    left, right = as_bits(a, "a", 2, threads), as_bits(b, "b", 2, threads)
    if left.length != right.length:
        raise ShapeError(
            f"`a` and `b` must have the same K (got a of shape {left.shape}, b of {right.shape}); "
            "b holds one filter a row",
            a=left.shape,
            b=right.shape,
        )
    kernels = choose_backend().load()
    return kernels.gemm(left.data, right.data, left.length, _threads.resolve(threads))
