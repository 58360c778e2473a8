"""The matrix product of signs by XOR and population counts, for GPUs without a matrix instruction.

A block makes a square tile of the result, a thread a square of it whose rows and columns are
spread over the tile. Words lie in shared memory depth first, so that neighbouring threads read
neighbouring banks.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.cuda.launch import CAPABILITIES, Specimen
from bnas.binops.cuda.row_kernels import STAGE
from bnas.binops.cuda.warp import load4

#: Results of a thread along either side.
RESULTS = 4
#: Threads along either side of a block, from the largest to the smallest.
SIDES = (16, 8, 4)
_QUARTERS = STAGE // 4


@functools.cache
def _stage_function(side: int) -> Any:
    """Return the device function that copies a stage of rows into shared memory."""
    rows, threads = side * RESULTS, side * side

    @cuda.jit(device=True)
    def copy_stage(
        source: Any, first: Any, count: Any, words: Any, stage: Any, shared: Any
    ) -> None:
        for part in range(cuda.threadIdx.x, rows * _QUARTERS, threads):
            # Behind the last row it is read again; what comes of it is not kept.
            row, quarter = part % rows, part // rows
            at = np.int64(min(first + row, count - 1)) * words + stage * STAGE + quarter * 4
            four = load4(source, np.uint32(at))
            for word in range(4):
                shared[(quarter * 4 + word) * rows + row] = four[word]

    return copy_stage


@functools.cache
def popcount_gemm_kernel(side: int) -> Any:
    """Return the kernel (a, b, sizes, words, out); arguments as in `gemm_kernels`."""
    copy_stage = _stage_function(side)
    rows = side * RESULTS
    shared_words, sum_count = rows * STAGE, RESULTS * RESULTS

    @cuda.jit
    def popcount_gemm(a: Any, b: Any, sizes: Any, words: Any, out: Any) -> None:
        left = cuda.shared.array(shared_words, types.uint32)
        right = cuda.shared.array(shared_words, types.uint32)
        x, y = cuda.threadIdx.x % side, cuda.threadIdx.x // side
        sums = cuda.local.array(sum_count, types.int32)
        ours = cuda.local.array(RESULTS, types.uint32)
        for part in range(sum_count):
            sums[part] = 0
        across = (sizes[1] + rows - 1) // rows
        first_row = cuda.blockIdx.x // across * rows
        first_column = cuda.blockIdx.x % across * rows
        for stage in range(words // STAGE):
            copy_stage(a, first_row, sizes[0], words, stage, left)
            copy_stage(b, first_column, sizes[1], words, stage, right)
            cuda.syncthreads()
            for word in range(STAGE):
                for i in range(RESULTS):
                    ours[i] = left[word * rows + i * side + y]
                for j in range(RESULTS):
                    theirs = right[word * rows + j * side + x]
                    for i in range(RESULTS):
                        sums[i * RESULTS + j] += cuda.popc(ours[i] ^ theirs)
            cuda.syncthreads()
        for i in range(RESULTS):
            row = first_row + i * side + y
            for j in range(RESULTS):
                column = first_column + j * side + x
                if row < sizes[0] and column < sizes[1]:
                    value = sizes[2] - 2 * sums[i * RESULTS + j]
                    out[np.int64(row) * sizes[1] + column] = np.int32(value)

    return popcount_gemm


def specimens() -> list[Specimen]:
    """The kernels of this module for compile checks."""
    words, sizes = types.uint32[::1], types.UniTuple(types.int32, 3)
    signature = (words, words, sizes, types.int32, types.int32[::1])
    expects = dict.fromkeys(CAPABILITIES, "POPC")
    return [
        Specimen(f"popcount gemm {side}", popcount_gemm_kernel(side), signature, expects, 96)
        for side in SIDES
    ]
