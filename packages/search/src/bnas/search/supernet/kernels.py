"""Passes over channels-last activations, each reading every value once.

Arrays are (M, C): a row is a pixel of an image. States, signs, counts and their gradients are
float32, float64, or the uint16 bits of bfloat16, which numbers are computed from and rounded to
when they are loaded and stored; all other arrays are float32 or float64. Rows are cut into blocks,
and the sums of blocks are added in order: the result does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange, types
from numba.extending import overload
from numpy.typing import NDArray

from bnas.search.fused.bfloat16 import narrow, widen
from bnas.search.jit import parallel_jit

Array = NDArray[Any]

#: Blocks into which a pass is cut, each with sums of its own.
BLOCKS = 32


def _load(value: Any) -> Any:
    """Return the number of an element; for Numba alone."""


def _store(row: Any, index: Any, value: Any) -> Any:
    """Put a number into an element; for Numba alone."""


@overload(_load)
def _load_typed(value: Any) -> Any:
    def of_bits(value: Any) -> Any:
        return widen(value)

    def of_float(value: Any) -> Any:
        return value

    return of_bits if value == types.uint16 else of_float


@overload(_store)
def _store_typed(row: Any, index: Any, value: Any) -> Any:
    def as_bits(row: Any, index: Any, value: Any) -> Any:
        row[index] = narrow(value)

    def as_float(row: Any, index: Any, value: Any) -> Any:
        row[index] = value

    return as_bits if row.dtype == types.uint16 else as_float


@njit(inline="always")
def _bounds(block: int, rows: int) -> tuple[int, int]:
    return block * rows // BLOCKS, (block + 1) * rows // BLOCKS


@parallel_jit
def moments(x: Array, sums: Array) -> None:
    """Sum x by channels: into `sums` (BLOCKS, C) of float64, zeros before."""
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.shape[0])
        total = sums[block]
        for m in range(first, last):
            row = x[m]
            for j in range(row.size):
                total[j] += _load(row[j])


@parallel_jit
def squares(x: Array, mean: Array, sums: Array) -> None:
    """Sum (x - mean)^2 by channels: into `sums` (BLOCKS, C) of float64, zeros before."""
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.shape[0])
        total = sums[block]
        for m in range(first, last):
            row = x[m]
            for j in range(row.size):
                distance = _load(row[j]) - mean[j]
                total[j] += distance * distance


@parallel_jit
def norm_signs(x: Array, mean: Array, at_zero: float, one: float, out: Array) -> None:
    """Write the signs of x - mean in ±1; that of 0 is `at_zero`. `one` is 1 of the dtype of x."""
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.shape[0])
        for m in range(first, last):
            row, out_row = x[m], out[m]
            for j in range(row.size):
                z = _load(row[j]) - mean[j]
                sign = one if z > 0 else (at_zero if z == 0 else -one)
                _store(out_row, j, sign)


@parallel_jit
def norm_sums(x: Array, grad: Array, mean: Array, inverse: Array, sums: Array) -> None:
    """Sum g and g * z, where z = (x - mean) * inverse, and g is `grad` if |z| < 1, else 0.

    Into `sums` (BLOCKS, 2, C) of float64, zeros before.
    """
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.shape[0])
        total, moment = sums[block, 0], sums[block, 1]
        for m in range(first, last):
            row, grad_row = x[m], grad[m]
            for j in range(row.size):
                z = (_load(row[j]) - mean[j]) * inverse[j]
                g = _load(grad_row[j]) if abs(z) < 1 else z * 0
                total[j] += g
                moment[j] += g * z


@parallel_jit
def norm_grad(x: Array, grad: Array, mean: Array, inverse: Array, means: Array, out: Array) -> None:
    """Write (g - mean g - z * mean(g * z)) * inverse, with g and z as in `norm_sums`.

    Args:
        x: (M, C).
        grad: Of the signs, (M, C).
        mean: (C,).
        inverse: 1 / standard deviation, (C,).
        means: Of g and g * z, (2, C).
        out: Gradient of x, (M, C).
    """
    for block in prange(BLOCKS):
        first, last = _bounds(block, x.shape[0])
        for m in range(first, last):
            row, grad_row, out_row = x[m], grad[m], out[m]
            for j in range(row.size):
                z = (_load(row[j]) - mean[j]) * inverse[j]
                g = _load(grad_row[j]) if abs(z) < 1 else z * 0
                _store(out_row, j, (g - means[0, j] - z * means[1, j]) * inverse[j])


@parallel_jit
def mix(
    total: Array,
    counts: tuple[Array, ...],
    weights: Array,
    pools: tuple[Array, ...],
    shares: Array,
    zero: float,
    first_out: Array,
    rest_out: Array,
) -> None:
    """Write the mixed sum (`mix.mixed_sum`) of the first edge and of the others.

    Args:
        total: (M, E * C), or (0, 0) for 0.
        counts: K arrays (M, E * C), or more, of which the others are not read.
        weights: (K, E * C).
        pools: L arrays (M, C), or more.
        shares: (L, E).
        zero: 0 of the dtype of the weights.
        first_out: (M, C).
        rest_out: (M, (E - 1) * C).
    """
    channels = first_out.shape[1]
    edges = shares.shape[1]
    for block in prange(BLOCKS):
        first, last = _bounds(block, first_out.shape[0])
        for m in range(first, last):
            for edge in range(edges):
                start = edge * channels
                row = first_out[m]
                if edge > 0:
                    row = rest_out[m, start - channels : start]
                if total.size > 0:
                    row[:] = total[m, start : start + channels]
                else:
                    row[:] = zero
                for k in range(weights.shape[0]):
                    count_row = counts[k][m, start : start + channels]
                    weight_row = weights[k, start : start + channels]
                    for j in range(channels):
                        row[j] += max(_load(count_row[j]), zero) * weight_row[j]
                for k in range(shares.shape[0]):
                    share = shares[k, edge]
                    pool_row = pools[k][m]
                    for j in range(channels):
                        row[j] += share * pool_row[j]


@njit
def _conv_grad(
    count_row: Array, grad_row: Array, weight_row: Array, zero: float, out_row: Array, total: Array
) -> None:
    # Two loops: where one writes both arrays, the compiler does not vectorise it.
    for j in range(count_row.size):
        total[j] += grad_row[j] * max(_load(count_row[j]), zero)
    for j in range(count_row.size):
        count = _load(count_row[j])
        g = grad_row[j] * weight_row[j]
        kept = g if count > zero else zero
        _store(out_row, j, kept)


@parallel_jit
def mix_grad(
    first_grad: Array,
    rest_grad: Array,
    counts: tuple[Array, ...],
    weights: Array,
    pools: tuple[Array, ...],
    shares: Array,
    zero: float,
    count_grads: tuple[Array, ...],
    pool_grads: tuple[Array, ...],
    weight_sums: Array,
    pool_sums: Array,
) -> None:
    """Write the gradients of `mix`; those of weights and shares as sums of blocks.

    Args:
        first_grad: (M, C).
        rest_grad: (M, (E - 1) * C).
        counts: As of `mix`, like all up to `zero`.
        weights: (K, E * C).
        pools: L arrays, or more.
        shares: (L, E).
        zero: 0.
        count_grads: K arrays (M, E * C), or more.
        pool_grads: L arrays (M, C), zeros before, or more.
        weight_sums: (BLOCKS, K, E * C), zeros before.
        pool_sums: Sums of grad * pool, (BLOCKS, L, E * C), zeros before.
    """
    channels = first_grad.shape[1]
    edges = shares.shape[1]
    # Not in the loop, out of which Numba would hoist it: one row for all threads.
    scratch = np.empty((BLOCKS, edges * channels), first_grad.dtype)
    for block in prange(BLOCKS):
        first, last = _bounds(block, first_grad.shape[0])
        grad_row = scratch[block]
        for m in range(first, last):
            grad_row[:channels] = first_grad[m]
            grad_row[channels:] = rest_grad[m]
            for k in range(weights.shape[0]):
                _conv_grad(
                    counts[k][m],
                    grad_row,
                    weights[k],
                    zero,
                    count_grads[k][m],
                    weight_sums[block, k],
                )
            for k in range(shares.shape[0]):
                pool_row, out_row = pools[k][m], pool_grads[k][m]
                for edge in range(edges):
                    share = shares[k, edge]
                    part = grad_row[edge * channels : (edge + 1) * channels]
                    total = pool_sums[block, k, edge * channels : (edge + 1) * channels]
                    for j in range(channels):
                        out_row[j] += share * part[j]
                    for j in range(channels):
                        total[j] += part[j] * pool_row[j]
