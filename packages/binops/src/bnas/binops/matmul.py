"""Binary matrix product."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from bnas.binops import threads as _threads
from bnas.binops.bits import BitTensor
from bnas.binops.dispatch import choose_backend, gpu_operations
from bnas.binops.errors import DeviceError, ShapeError
from bnas.binops.operands import as_bits


@overload
def gemm(a: np.ndarray, b: np.ndarray, *, threads: int | None = None) -> NDArray[np.int32]: ...
@overload
def gemm(a: Any, b: Any, *, threads: int | None = None) -> Any: ...
def gemm(a: Any, b: Any, *, threads: int | None = None) -> Any:
    """Multiply two sign matrices: ``a @ b.T``, exactly.

    Args:
        a: (M, K) numbers, binarised by ``>= 0``, or a BitTensor packed on axis 1.
        b: (N, K) of the same kind, one filter a row; where `a` lives.
        threads: Threads to use; None takes Numba's number. Of no effect on a GPU.

    Returns:
        int32 (M, N), between -K and K; of NumPy, or of the library of `a` on its GPU.

    Raises:
        ShapeError: Not two axes, not packed on axis 1, or K differs.
        DtypeError: Not numbers.
        NanError: A number is NaN.
        ThreadsError: `threads` is not possible.
        DeviceError: `a` and `b` live in different memories.
        BackendUnavailableError: They live on a GPU that cannot be used.

    Examples:
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
    if left.is_on_gpu or right.is_on_gpu:
        return _gemm_on_gpu(left, right)
    kernels = choose_backend().load()
    return kernels.gemm(left.data, right.data, left.length, _threads.resolve(threads))


def _gemm_on_gpu(left: BitTensor, right: BitTensor) -> Any:
    """Multiply bits that live on a GPU; refuse them if one lives in host memory."""
    if not (left.is_on_gpu and right.is_on_gpu):
        places = ["a GPU" if bits.is_on_gpu else "host memory" for bits in (left, right)]
        raise DeviceError(
            f"`a` and `b` must live in one memory (got a in {places[0]}, b in {places[1]}); move "
            "one of them"
        )
    return gpu_operations().gemm(left, right)
