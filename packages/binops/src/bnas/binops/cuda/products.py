"""The matrix product of bits on a GPU: which kernel, which tile, and the launches before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bnas.binops.bits import BitTensor, byte_count
from bnas.binops.cuda.arrays import GpuArray, as_gpu_array, capability_of, processors_of, using
from bnas.binops.cuda.families import family
from bnas.binops.cuda.gemm_kernels import matrix_gemm_kernel
from bnas.binops.cuda.gemm_shape import GemmTile
from bnas.binops.cuda.launch import Launch, blocks
from bnas.binops.cuda.popcount_gemm import RESULTS, SIDES, popcount_gemm_kernel
from bnas.binops.cuda.row_kernels import count_ones, pad_rows, stage_words
from bnas.binops.cuda.tiles import product_tiles
from bnas.binops.cuda.transfers import as_contiguous
from bnas.binops.errors import ShapeError

#: Words of an operand that 32 bits index.
MOST_WORDS = 1 << 32


def gemm(left: BitTensor, right: BitTensor) -> Any:
    """Multiply sign matrices; what `bnas.binops.gemm` does.

    Args:
        left: (M, K) on a GPU, packed on axis 1.
        right: (N, K) on the same GPU.

    Returns:
        int32 (M, N) array of the library of `left`.

    Raises:
        ShapeError: An operand has more words than 32 bits index.
    """
    a, b = as_gpu_array(left.data, "a"), as_gpu_array(right.data, "b")
    words = stage_words(left.length)
    for name, array in (("a", a), ("b", b)):
        if array.shape[0] * words > MOST_WORDS:
            raise ShapeError(
                f"`{name}` must have {MOST_WORDS} words of 32 bits at most (got shape "
                f"{(array.shape[0], left.length)}); multiply it part by part",
                shape=(array.shape[0], left.length),
            )
    with using({"a": a, "b": b}) as stream:
        out = a.empty((a.shape[0], b.shape[0]), "int32")
        if out.size:
            operands = as_contiguous(a, stream), as_contiguous(b, stream)
            for launch in product(*operands, left.length, out):
                launch(stream)
    return out.owner


def product(
    a: GpuArray,
    b: GpuArray,
    length: int,
    out: GpuArray,
    *,
    capability: tuple[int, int] | None = None,
    tile: GemmTile | None = None,
) -> Iterator[Launch]:
    """Return the launches of a product, in order.

    Args:
        a: uint8 (M, ceil(length / 8)) in C order.
        b: uint8 (N, ceil(length / 8)) in C order.
        length: Depth, K, in bits.
        out: int32 (M, N) in C order.
        capability: Compute capability, as (9, 0); None asks the GPU.
        tile: How the matrix kernel divides its work; None chooses by shape.

    Yields:
        The launches; memory between them is made by the library of `a`.
    """
    kind = family(capability_of(a) if capability is None else capability)
    words = stage_words(length)
    rows, ones = [], []
    for array in (a, b):
        count = array.shape[0]
        filled = a.empty((count, words), "int32").memory("uint32")
        yield pad_rows(array.memory("uint8"), count, byte_count(length), filled)
        rows.append(filled)
        ones.append(a.empty((count if kind == "and" else 1,), "int32").memory("int32"))
        if kind == "and":
            yield count_ones(filled, count, words, ones[-1])
    height, width = out.shape
    sizes = tuple(np.int32(size) for size in (height, width, length))
    target = out.memory("int32")
    if kind == "popcount":
        side = choose_side(height, width, processors_of(a))
        grid = blocks(height, side * RESULTS) * blocks(width, side * RESULTS)
        arguments = (*rows, sizes, np.int32(words), target)
        yield Launch(popcount_gemm_kernel(side), grid, side * side, arguments)
        return
    if tile is None:
        tile = choose_tile(height, width, processors_of(a))
    grid = blocks(height, tile.rows) * blocks(width, tile.columns)
    arguments = (*rows, *ones, sizes, np.int32(words), target)
    yield Launch(matrix_gemm_kernel(tile, kind == "xor"), grid, tile.threads, arguments)


def choose_tile(rows: int, columns: int, processors: int) -> GemmTile:
    """Choose the largest tile that gives every multiprocessor a block.

    Args:
        rows: Rows of the result.
        columns: Columns of the result.
        processors: Multiprocessors of the GPU.

    Returns:
        The tile; the smallest where none does.
    """
    for tile in product_tiles():
        if blocks(rows, tile.rows) * blocks(columns, tile.columns) >= processors:
            return tile
    return product_tiles()[-1]


def choose_side(rows: int, columns: int, processors: int) -> int:
    """Choose the threads along a side of a block of the popcount kernel, as `choose_tile` does.

    Args:
        rows: Rows of the result.
        columns: Columns of the result.
        processors: Multiprocessors of the GPU.

    Returns:
        One of `SIDES`.
    """
    for side in SIDES:
        if blocks(rows, side * RESULTS) * blocks(columns, side * RESULTS) >= processors:
            return side
    return SIDES[-1]
