"""Passes over channels-last activations, each reading every value once.

All arrays of activations are flat uint16 views of bfloat16 (N, H, W, C). The parameters of a
channel come as *tiles*: repeated until their length L is a multiple of both C and a vector
register, so that the inner loops run over contiguous memory with no remainder. Sums are taken per
block of tiles and the blocks are added in order: the result does not depend on the number of
threads.
"""

from __future__ import annotations

import numpy as np
from numba import float32, njit, prange, uint16
from numpy.typing import NDArray

from bnas.search.fused.bfloat16 import MINUS_ONE, PLUS_ONE, narrow, widen
from bnas.search.jit import parallel_jit

Bits = NDArray[np.uint16]
Floats = NDArray[np.float32]

#: Blocks into which a pass is cut, each with sums of its own.
BLOCKS = 32


@njit(inline="always")
def _bounds(block: int, size: int, length: int) -> tuple[int, int]:
    """Return the first and the past-the-end index of a block: whole tiles, but for the last one."""
    tiles = (size + length - 1) // length
    first = block * tiles // BLOCKS * length
    last = min((block + 1) * tiles // BLOCKS * length, size)
    return first, last


@parallel_jit
def moments(x: Bits, shift: Floats, sums: Floats) -> None:
    """Sum x - shift and its square: into `sums` (BLOCKS, 2, L), zeros before."""
    length = shift.size
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.size, length)
        total, squares = sums[block, 0], sums[block, 1]
        for start in range(first, last, length):
            end = min(start + length, last)
            x_row = x[start:end]
            for j in range(x_row.size):
                value = widen(x_row[j]) - shift[j]
                total[j] += value
                squares[j] += value * value


@parallel_jit
def signs(x: Bits, multiplier: Floats, offset: Floats, out: Bits) -> None:
    """Write the bits of ±1, the sign of x * multiplier + offset."""
    length = multiplier.size
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.size, length)
        for start in range(first, last, length):
            end = min(start + length, last)
            x_row = x[start:end]
            out_row = out[start:end]
            for j in range(x_row.size):
                z = widen(x_row[j]) * multiplier[j] + offset[j]
                out_row[j] = uint16(PLUS_ONE) if z >= float32(0) else uint16(MINUS_ONE)


@parallel_jit
def affine(x: Bits, multiplier: Floats, offset: Floats, out: Bits) -> None:
    """Write x * multiplier + offset."""
    length = multiplier.size
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.size, length)
        for start in range(first, last, length):
            end = min(start + length, last)
            x_row = x[start:end]
            out_row = out[start:end]
            for j in range(x_row.size):
                out_row[j] = narrow(widen(x_row[j]) * multiplier[j] + offset[j])


@parallel_jit
def norm_sums(
    x: Bits,
    grad: Bits,
    multiplier: Floats,
    offset: Floats,
    mean: Floats,
    bound: float,
    sums: Floats,
) -> None:
    """Sum g and g * (x - mean), where g is `grad` if |x * multiplier + offset| < bound, else 0.

    Into `sums` (BLOCKS, 2, L), zeros before.
    """
    length = multiplier.size
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.size, length)
        total, moment = sums[block, 0], sums[block, 1]
        for start in range(first, last, length):
            end = min(start + length, last)
            x_row = x[start:end]
            grad_row = grad[start:end]
            for j in range(x_row.size):
                value = widen(x_row[j])
                passes = abs(value * multiplier[j] + offset[j]) < bound
                g = widen(grad_row[j]) if passes else float32(0)
                total[j] += g
                moment[j] += g * (value - mean[j])


@parallel_jit
def norm_grad(
    x: Bits,
    grad: Bits,
    multiplier: Floats,
    offset: Floats,
    slope: Floats,
    constant: Floats,
    bound: float,
    out: Bits,
) -> None:
    """Write g * multiplier + x * slope + constant, with g as in `norm_sums`."""
    length = multiplier.size
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.size, length)
        for start in range(first, last, length):
            end = min(start + length, last)
            x_row = x[start:end]
            grad_row = grad[start:end]
            out_row = out[start:end]
            for j in range(x_row.size):
                value = widen(x_row[j])
                passes = abs(value * multiplier[j] + offset[j]) < bound
                g = widen(grad_row[j]) if passes else float32(0)
                out_row[j] = narrow(g * multiplier[j] + value * slope[j] + constant[j])


@parallel_jit
def scaled_relu(counts: Bits, scale: Floats, offset: Floats, out: Bits) -> None:
    """Write max(counts * scale + offset, 0)."""
    length = scale.size
    for block in prange(BLOCKS):
        first, last = _bounds(block, counts.size, length)
        for start in range(first, last, length):
            end = min(start + length, last)
            counts_row = counts[start:end]
            out_row = out[start:end]
            for j in range(counts_row.size):
                y = widen(counts_row[j]) * scale[j] + offset[j]
                out_row[j] = narrow(max(y, float32(0)))


@parallel_jit
def scaled_relu_grad(
    counts: Bits, grad: Bits, scale: Floats, offset: Floats, out: Bits, sums: Floats
) -> None:
    """Write g * scale, where g is `grad` if counts * scale + offset > 0, else 0.

    Sums g * counts and g into `sums` (BLOCKS, 2, L), zeros before.
    """
    length = scale.size
    for block in prange(BLOCKS):
        first, last = _bounds(block, counts.size, length)
        weighted, total = sums[block, 0], sums[block, 1]
        for start in range(first, last, length):
            end = min(start + length, last)
            grad_row = grad[start:end]
            counts_row = counts[start:end]
            out_row = out[start:end]
            for j in range(grad_row.size):
                count = widen(counts_row[j])
                positive = count * scale[j] + offset[j] > float32(0)
                g = widen(grad_row[j]) if positive else float32(0)
                weighted[j] += g * count
                total[j] += g
                out_row[j] = narrow(g * scale[j])
