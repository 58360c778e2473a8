"""The matrix product of signs by the 1-bit matrix instruction.

A block of warps makes a tile of the result. Stages of 16 words of its rows of A and B go through
shared memory, two buffers taking turns: the next stage is on its way from memory while this one is
multiplied.

The order of the depth is free as long as A and B agree, so lane t of a quad (`bnas.binops.cuda.
warp`) takes the neighbouring words 4t to 4t + 3 of a stage, two for each of two instructions. In
shared memory they lie fragment by fragment, four words a lane, as an instruction wants its
registers: for A two words of a row and of the row 8 below it, for B of a column and of the one 8
behind it, which is the next instruction's. So every access there is of 128 bits, and meets no bank
twice.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.cuda.gemm_shape import GemmTile
from bnas.binops.cuda.launch import Specimen
from bnas.binops.cuda.row_kernels import STAGE
from bnas.binops.cuda.shared_loads import ALIGNMENT, shared4
from bnas.binops.cuda.tiles import product_tiles
from bnas.binops.cuda.warp import WARP, load4, mma_and, mma_xor

#: Words of a fragment of a warp: four a lane.
FRAGMENT = 4 * WARP


@functools.cache
def _fetch_functions(threads: int, loads: int) -> tuple[Any, Any]:
    """Return the device functions that place and fetch a thread's part of a stage.

    Of every 16 rows, lane l gets the words from 4 (l % 4) on of row l // 4 and of the row 8 below.

    Args:
        threads: Threads of a block.
        loads: Wide loads of a thread, an even number.
    """

    @cuda.jit(device=True)
    def place(first: Any, count: Any, words: Any, places: Any) -> None:
        for load in range(loads):
            unit = load // 2 * threads + cuda.threadIdx.x
            lane = unit % WARP
            row = first + unit // WARP * 16 + lane // 4 + load % 2 * 8
            # Behind the last row it is read again; what comes of it is not kept.
            places[load] = np.uint32(np.int64(min(row, count - 1)) * words + lane % 4 * 4)

    @cuda.jit(device=True)
    def fetch(source: Any, places: Any, first: Any, fetched: Any) -> None:
        for load in range(loads):
            four = load4(source, np.uint32(places[load] + first))
            for word in range(4):
                fetched[load * 4 + word] = four[word]

    return place, fetch


@functools.cache
def _store_function(threads: int, loads: int, is_left: bool) -> Any:
    """Return the device function that stores what was fetched, fragment by fragment.

    Places are put together by OR, from which the compiler sees that four make one access.
    """

    @cuda.jit(device=True)
    def store(fetched: Any, buffer: Any, shared: Any) -> None:
        for pair in range(loads // 2):
            unit = np.uint32(pair * threads + cuda.threadIdx.x)
            at = np.uint32(unit // np.uint32(WARP) * np.uint32(2 * FRAGMENT))
            at = np.uint32(at + np.uint32(unit % np.uint32(WARP) * np.uint32(4)) + buffer)
            for step in range(2):
                where = np.uint32(at + np.uint32(step * FRAGMENT))
                for part in range(4):
                    # A's registers go row, row, word by word; B's word, word, column by column.
                    row, word = (part % 2, part // 2) if is_left else (part // 2, part % 2)
                    found = fetched[pair * 8 + row * 4 + step * 2 + word]
                    shared[np.uint32(where | np.uint32(part))] = found

    return store


@functools.cache
def _multiply_function(tile: GemmTile, is_xor: bool) -> Any:
    """Return the device function that multiplies a stage into the sums of a warp."""
    row_tiles, column_tiles, warps_rows = tile.row_tiles, tile.column_tiles, tile.warps_rows
    parts = 4 * row_tiles
    multiply = mma_xor if is_xor else mma_and

    @cuda.jit(device=True)
    def multiply_stage(buffer_a: Any, buffer_b: Any, left: Any, right: Any, sums: Any) -> None:
        warp, lane = cuda.threadIdx.x // WARP, cuda.threadIdx.x % WARP
        a = cuda.local.array(parts, types.uint32)
        at_a = np.uint32(np.uint32(warp % warps_rows) * np.uint32(row_tiles * 2 * FRAGMENT))
        at_a = np.uint32(at_a + np.uint32(lane * 4) + buffer_a)
        at_b = np.uint32(np.uint32(warp // warps_rows) * np.uint32(column_tiles * FRAGMENT))
        at_b = np.uint32(at_b + np.uint32(lane * 4) + buffer_b)
        for step in range(2):
            for m in range(row_tiles):
                four = shared4(left, np.uint32(at_a + np.uint32((m * 2 + step) * FRAGMENT)))
                for word in range(4):
                    a[m * 4 + word] = four[word]
            for pair in range(column_tiles // 2):
                b = shared4(right, np.uint32(at_b + np.uint32((pair * 2 + step) * FRAGMENT)))
                for half in range(2):
                    for m in range(row_tiles):
                        i, q = m * 4, (m * column_tiles + pair * 2 + half) * 4
                        c = multiply(
                            a[i], a[i + 1], a[i + 2], a[i + 3], b[half * 2], b[half * 2 + 1],
                            sums[q], sums[q + 1], sums[q + 2], sums[q + 3],
                        )  # fmt: skip
                        for part in range(4):
                            sums[q + part] = c[part]

    return multiply_stage


@functools.cache
def _write_function(tile: GemmTile, is_xor: bool) -> Any:
    """Return the device function that turns a warp's sums into the result."""
    row_tiles, column_tiles, warps_rows = tile.row_tiles, tile.column_tiles, tile.warps_rows

    @cuda.jit(device=True)
    def write(
        sums: Any, first_row: Any, first_column: Any, sizes: Any, ones_a: Any, ones_b: Any, out: Any
    ) -> None:
        rows, columns, length = sizes
        warp, lane = cuda.threadIdx.x // WARP, cuda.threadIdx.x % WARP
        first_row += warp % warps_rows * (16 * row_tiles) + lane // 4
        first_column += warp // warps_rows * (8 * column_tiles) + lane % 4 * 2
        for m in range(2 * row_tiles):
            row = first_row + m * 8
            if row < rows:
                base = length if is_xor else length - 2 * ones_a[row]
                for n in range(2 * column_tiles):
                    column = first_column + n // 2 * 8 + n % 2
                    if column < columns:
                        found = sums[(m // 2 * column_tiles + n // 2) * 4 + m % 2 * 2 + n % 2]
                        if is_xor:
                            value = base - 2 * found
                        else:
                            value = base + 4 * found - 2 * ones_b[column]
                        out[np.int64(row) * columns + column] = np.int32(value)

    return write


@functools.cache
def matrix_gemm_kernel(tile: GemmTile, is_xor: bool) -> Any:
    """Return the kernel (a, b, ones_a, ones_b, sizes, words, out).

    `a` and `b` are rows of whole stages; `ones_a` and `ones_b` the bits of each that are 1, which
    XOR does not use; `sizes` are rows, columns and depth in bits; `out` int32 (rows, columns).
    """
    threads, rows, columns = tile.threads, tile.rows, tile.columns
    buffer_a, buffer_b = rows * STAGE, columns * STAGE
    words_a, words_b = buffer_a // threads, buffer_b // threads
    loads_a, loads_b = words_a // 4, words_b // 4
    shared_a, shared_b = 2 * buffer_a, 2 * buffer_b
    place_a, fetch_a = _fetch_functions(threads, loads_a)
    place_b, fetch_b = _fetch_functions(threads, loads_b)
    store_a, store_b = (
        _store_function(threads, loads_a, True),
        _store_function(threads, loads_b, False),
    )
    multiply, write = _multiply_function(tile, is_xor), _write_function(tile, is_xor)
    sum_count = 4 * tile.row_tiles * tile.column_tiles

    @cuda.jit
    def matrix_gemm(
        a: Any, b: Any, ones_a: Any, ones_b: Any, sizes: Any, words: Any, out: Any
    ) -> None:
        left = cuda.shared.array(shared_a, types.uint32, alignment=ALIGNMENT)
        right = cuda.shared.array(shared_b, types.uint32, alignment=ALIGNMENT)
        places_a = cuda.local.array(loads_a, types.uint32)
        places_b = cuda.local.array(loads_b, types.uint32)
        fetched_a = cuda.local.array(words_a, types.uint32)
        fetched_b = cuda.local.array(words_b, types.uint32)
        sums = cuda.local.array(sum_count, types.int32)
        for part in range(sum_count):
            sums[part] = 0
        across = (sizes[1] + columns - 1) // columns
        first_row = cuda.blockIdx.x // across * rows
        first_column = cuda.blockIdx.x % across * columns
        place_a(first_row, sizes[0], words, places_a)
        place_b(first_column, sizes[1], words, places_b)
        fetch_a(a, places_a, np.uint32(0), fetched_a)
        fetch_b(b, places_b, np.uint32(0), fetched_b)
        store_a(fetched_a, np.uint32(0), left)
        store_b(fetched_b, np.uint32(0), right)
        cuda.syncthreads()
        stages = words // STAGE
        for stage in range(stages):
            # After the last stage it is fetched again, into the buffer that nobody reads any more.
            coming, turn = min(stage + 1, stages - 1), stage % 2
            fetch_a(a, places_a, np.uint32(coming * STAGE), fetched_a)
            fetch_b(b, places_b, np.uint32(coming * STAGE), fetched_b)
            multiply(np.uint32(turn * buffer_a), np.uint32(turn * buffer_b), left, right, sums)
            store_a(fetched_a, np.uint32((1 - turn) * buffer_a), left)
            store_b(fetched_b, np.uint32((1 - turn) * buffer_b), right)
            cuda.syncthreads()
        write(sums, first_row, first_column, sizes, ones_a, ones_b, out)

    return matrix_gemm


def specimens() -> list[Specimen]:
    """The kernels of this module for compile checks."""
    words, counts = types.uint32[::1], types.int32[::1]
    sizes = types.UniTuple(types.int32, 3)
    signature = (words, words, counts, counts, sizes, types.int32, counts)
    found = []
    for tile in product_tiles():
        for is_xor, expects in (
            (False, dict.fromkeys(((8, 0), (9, 0)), "BMMA.168256.AND")),
            (True, {(7, 5): "BMMA.88128.XOR"}),
        ):
            name = f"matrix gemm {'xor' if is_xor else 'and'} {tile.rows}x{tile.columns}"
            found.append(Specimen(name, matrix_gemm_kernel(tile, is_xor), signature, expects, 128))
    return found
