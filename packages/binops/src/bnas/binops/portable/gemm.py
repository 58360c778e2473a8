"""Binary matrix product: XOR and popcount over 64-bit words of two rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bnas.binops.jit import kernel
from bnas.binops.portable.popcount import popcount
from bnas.binops.threads import parallel_region

# Below this many word products a parallel region costs more than it saves.
SERIAL_WORDS = 1 << 17


@kernel()
def _gemm_row(a: Any, b: Any, length: Any, out: Any, m: Any) -> None:
    """One row of the product, four columns at a time: they share the loads of `a`."""
    left = a[m]
    words = left.shape[0]
    columns = b.shape[0]
    quads = columns - columns % 4
    for n in range(0, quads, 4):
        b0, b1, b2, b3 = b[n], b[n + 1], b[n + 2], b[n + 3]
        s0 = s1 = s2 = s3 = np.uint64(0)
        for k in range(words):
            word = left[k]
            s0 += popcount(word ^ b0[k])
            s1 += popcount(word ^ b1[k])
            s2 += popcount(word ^ b2[k])
            s3 += popcount(word ^ b3[k])
        out[m, n] = length - 2 * np.int64(s0)
        out[m, n + 1] = length - 2 * np.int64(s1)
        out[m, n + 2] = length - 2 * np.int64(s2)
        out[m, n + 3] = length - 2 * np.int64(s3)
    for n in range(quads, columns):
        row = b[n]
        total = np.uint64(0)
        for k in range(words):
            total += popcount(left[k] ^ row[k])
        out[m, n] = length - 2 * np.int64(total)


@kernel()
def _gemm_serial(a: Any, b: Any, length: Any, out: Any) -> None:
    for m in range(a.shape[0]):
        _gemm_row(a, b, length, out, m)


@kernel(parallel=True)
def _gemm_parallel(a: Any, b: Any, length: Any, out: Any) -> None:
    for m in prange(a.shape[0]):
        _gemm_row(a, b, length, out, np.int64(m))


def _as_words(data: np.ndarray) -> np.ndarray:
    """Copy rows of bytes into rows of whole 64-bit words; the added bits are 0."""
    rows, row_bytes = data.shape
    padded = np.zeros((rows, -(-row_bytes // 8) * 8), np.uint8)
    padded[:, :row_bytes] = data
    return padded.view(np.uint64)


def gemm(a: np.ndarray, b: np.ndarray, length: int, threads: int) -> np.ndarray:
    """Multiply two matrices of packed signs, the second one transposed.

    Args:
        a: uint8 (M, B).
        b: uint8 (N, B).
        length: Signs in a row.
        threads: Threads to use.

    Returns:
        int32 (M, N).
    """
    out = np.empty((a.shape[0], b.shape[0]), np.int32)
    left, right = _as_words(a), _as_words(b)
    if threads == 1 or left.shape[1] * out.size < SERIAL_WORDS:
        _gemm_serial(left, right, length, out)
    else:
        with parallel_region(threads):
            _gemm_parallel(left, right, length, out)
    return out
