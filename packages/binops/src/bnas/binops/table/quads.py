"""Count the mismatches of quads of output channels, in tiles of the size that the ISA likes."""

from __future__ import annotations

from typing import Any

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import tile

#: Most vectors of pixels of a tile: of 16 registers, five vectors of one pair take 10 for sums ...
MAX_VECTORS = 5
#: ... and of 32, four vectors of two pairs take 16; with five LLVM keeps some of the 20 in memory.
MAX_WIDE_VECTORS = 4


@kernel()
def most_vectors(tag: Any) -> Any:
    """Most vectors of pixels of a tile."""
    return MAX_WIDE_VECTORS if tag.lanes == 64 else MAX_VECTORS


@kernel()
def _pairs_apart(
    tag: Any, vectors: Any, lut: Any, tables: Any, pixels: Any, step: Any, taps: Any, triples: Any,
    acc: Any, acc_step: Any,
) -> None:  # fmt: skip
    """Two tiles of one pair: for sixteen registers, which two pairs would overflow."""
    row = 2 * acc_step * 2
    table = 6 * triples
    for pair in range(2):
        rows, start = acc + pair * row, tables + pair * table
        if vectors == 5:
            tile(tag, 1, 5, lut, start, pixels, step, taps, triples, rows, acc_step)
        elif vectors == 4:
            tile(tag, 1, 4, lut, start, pixels, step, taps, triples, rows, acc_step)
        else:
            tile(tag, 1, 3, lut, start, pixels, step, taps, triples, rows, acc_step)


@kernel()
def _pairs_together(
    tag: Any, vectors: Any, lut: Any, tables: Any, pixels: Any, step: Any, taps: Any, triples: Any,
    acc: Any, acc_step: Any,
) -> None:  # fmt: skip
    """One tile of two pairs, which share the loads of the pixels."""
    if vectors == 4:
        tile(tag, 2, 4, lut, tables, pixels, step, taps, triples, acc, acc_step)
    else:
        tile(tag, 2, 3, lut, tables, pixels, step, taps, triples, acc, acc_step)


@kernel()
def count_quad(
    tag: Any, vectors: Any, lut: Any, tables: Any, pixels: Any, step: Any, taps: Any, triples: Any,
    acc: Any, acc_step: Any,
) -> None:  # fmt: skip
    """Count the mismatches of four output channels and some vectors of pixels.

    Args:
        tag: The instruction set.
        vectors: Vectors of pixels, 1 to `most_vectors`.
        lut: Address of the look-up tables.
        tables: Address of the quad's table offsets, uint16 (2, 3 * triples).
        pixels: Address of the first pixel in the image's first plane.
        step: Bytes between vectors of pixels.
        taps: Address of the tap offsets, int64 (3 * triples,).
        triples: Triples of taps.
        acc: Address of the result, uint16 (4, acc_step).
        acc_step: Elements between its rows.
    """
    if vectors == 1:
        tile(tag, 2, 1, lut, tables, pixels, step, taps, triples, acc, acc_step)
    elif vectors == 2:
        tile(tag, 2, 2, lut, tables, pixels, step, taps, triples, acc, acc_step)
    elif tag.lanes == 64:
        _pairs_together(tag, vectors, lut, tables, pixels, step, taps, triples, acc, acc_step)
    else:
        _pairs_apart(tag, vectors, lut, tables, pixels, step, taps, triples, acc, acc_step)
