"""Rows of bits as the kernels of matrix products read them: whole, aligned blocks of words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks
from bnas.binops.cuda.warp import load4

#: Words of a row that a block of threads takes at once; rows are filled up with zeros to these.
STAGE = 16
THREADS = 128
#: Threads that count the bits of one row together.
COUNTERS = 8
_ROWS = THREADS // COUNTERS


def stage_words(length: int) -> int:
    """Words of a filled up row of so many bits; at least one stage."""
    return max(1, blocks(length, 32 * STAGE)) * STAGE


@cuda.jit
def _pad_kernel(data: Any, octets: Any, words: Any, total: Any, out: Any) -> None:
    """Make a word of four bytes, or of zeros behind the end of a row."""
    item = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if item < total:
        row = item // words
        first = (item - row * words) * 4
        value = np.uint32(0)
        for part in range(4):
            if first + part < octets:
                found = np.uint32(data[row * octets + first + part])
                value |= np.uint32(found << np.uint32(8 * part))
        out[item] = value


@cuda.jit
def _ones_kernel(rows: Any, words: Any, total: Any, ones: Any) -> None:
    """Count the bits of rows that are 1."""
    parts = cuda.shared.array(THREADS, types.int32)
    thread = cuda.threadIdx.x
    row = cuda.blockIdx.x * _ROWS + thread // COUNTERS
    count = 0
    if row < total:
        for part in range(thread % COUNTERS, words // 4, COUNTERS):
            four = load4(rows, np.uint32(row * words + part * 4))
            for word in range(4):
                count += cuda.popc(four[word])
    parts[thread] = count
    cuda.syncthreads()
    if row < total and thread % COUNTERS == 0:
        count = 0
        for part in range(COUNTERS):
            count += parts[thread + part]
        ones[row] = count


def pad_rows(data: Any, rows: int, octets: int, out: Any) -> Launch:
    """Copy rows of bytes into rows of whole stages of words.

    Args:
        data: uint8 device array of one axis: (rows, octets) in C order.
        rows: Rows.
        octets: Bytes of a row.
        out: uint32 device array of one axis: rows of `stage_words`.

    Returns:
        The launch.
    """
    words = stage_words(8 * octets)
    total = rows * words
    return Launch(_pad_kernel, blocks(total, THREADS), THREADS, (data, octets, words, total, out))


def count_ones(rows: Any, count: int, words: int, ones: Any) -> Launch:
    """Count the bits of each row that are 1.

    Args:
        rows: uint32 device array of one axis: rows of whole stages.
        count: Rows.
        words: Words of a row.
        ones: int32 device array (count,) to write.

    Returns:
        The launch.
    """
    return Launch(_ones_kernel, blocks(count, _ROWS), THREADS, (rows, words, count, ones))


def specimens() -> list[Specimen]:
    """The kernels of this module for compile checks."""
    number, words = types.int64, types.uint32[::1]
    expects = dict.fromkeys(CAPABILITIES, "STG")
    signature = (types.uint8[::1], number, number, number, words)
    counts = (words, number, number, types.int32[::1])
    return [
        Specimen("pad rows", _pad_kernel, signature, expects, 64),
        Specimen("count ones", _ones_kernel, counts, dict.fromkeys(expects, "POPC"), 64),
    ]
