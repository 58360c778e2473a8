"""The micro-kernel: mismatches of a tile of output channels and pixels, by table look-ups.

A byte of a plane holds the sign bits of four channels of one pixel, or 0x80 for padding. A byte
shuffle looks up, for every pixel at once, ``popcount(bits ^ weights)`` of *two* output channels:
one in the low half of a table entry, one in the high half. Padding selects 0, so it never counts.

Three results are added before they are split (halves hold at most 12), and byte sums are moved to
16 bits after at most 21 such triples (252). The high half is summed apart; the low sums follow from
the sums of whole bytes, ``low = all - 16 * high (mod 256)``, which saves one AND a triple.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import (
    I8,
    I16,
    I64,
    Lanes,
    Variable,
    address_at,
    load,
    load_lanes,
    loop,
    store,
    zeros,
)

#: Table look-ups whose sum fits a half byte.
LOOKUPS_A_SUM = 3
#: Such sums whose sum fits a byte.
MAX_SUMS = 21
#: Bytes of one look-up table.
TABLE_BYTES = 16


class TileEmitter:
    """Emits the kernel of one tile shape.

    Args:
        isa: The instruction set.
        pairs: Pairs of output channels.
        vectors: Vectors of pixels.
    """

    def __init__(self, isa: Isa, pairs: int, vectors: int) -> None:
        self.isa = isa
        self.pairs = pairs
        self.vectors = vectors

    def emit(self, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
        """Emit the kernel.

        Args:
            builder: Where.
            arguments: int64 each: addresses of the look-up tables, of the first pair's table
                offsets (uint16), and of the tile's first pixel in the first plane; bytes between
                the vectors of pixels; address of the tap offsets (int64); triples of taps; address
                of the result, uint16 (2 * pairs, vectors * lanes); elements between its rows.
        """
        lut, tables, pixels, step, taps, triples, out, out_step = arguments
        sums = [
            [Variable(builder, I8, self.isa.lanes) for _ in range(2 * self.vectors)]
            for _ in range(self.pairs)
        ]
        places = [builder.mul(step, I64(vector)) for vector in range(self.vectors)]
        row_bytes = builder.mul(triples, I64(2 * LOOKUPS_A_SUM))
        segments = builder.udiv(builder.add(triples, I64(MAX_SUMS - 1)), I64(MAX_SUMS))
        length = builder.udiv(builder.add(triples, builder.sub(segments, I64(1))), segments)
        with loop(builder, I64(0), segments) as segment:
            start = builder.mul(segment, length)
            stop = builder.add(start, length)
            is_last = builder.icmp_signed("<", triples, stop)
            stop = builder.select(is_last, triples, stop)
            for row in sums:
                for total in row:
                    total.set(zeros(builder, I8, self.isa.lanes))
            with loop(builder, start, stop) as triple:
                self._add_triple(
                    builder, sums, (lut, tables, row_bytes, pixels, taps), places, triple
                )
            self._flush(builder, sums, segment, out, out_step)

    def _add_triple(
        self, builder: ir.IRBuilder, sums: Any, sources: Any, places: Any, triple: Any
    ) -> None:
        """Add three look-ups to every sum."""
        lut, tables, row_bytes, pixels, taps = sources
        chosen = []
        for pair in range(self.pairs):
            row = builder.add(tables, builder.mul(row_bytes, I64(pair))) if pair else tables
            row = address_at(builder, row, triple, 2 * LOOKUPS_A_SUM)
            chosen.append([self._table(builder, lut, row, j) for j in range(LOOKUPS_A_SUM)])
        here = address_at(builder, taps, triple, 8 * LOOKUPS_A_SUM)
        seen = [
            builder.add(pixels, load(builder, address_at(builder, here, j, 8), I64, 8))
            for j in range(LOOKUPS_A_SUM)
        ]
        for vector in range(self.vectors):
            bits = [
                load_lanes(builder, builder.add(tap, places[vector]), I8, self.isa.lanes)
                for tap in seen
            ]
            for pair in range(self.pairs):
                found = self.isa.look_up(chosen[pair][0], bits[0])
                for j in range(1, LOOKUPS_A_SUM):
                    found = found + self.isa.look_up(chosen[pair][j], bits[j])
                whole, high = sums[pair][2 * vector : 2 * vector + 2]
                whole.set(whole.get() + found)
                high.set(high.get() + found.high_nibbles())

    def _table(self, builder: ir.IRBuilder, lut: Any, row: Any, index: Any) -> Lanes:
        """Load one look-up table into every 16-byte part of a vector."""
        offset = load(builder, address_at(builder, row, index, 2), I16, 2)
        place = builder.add(lut, builder.zext(offset, I64))
        table = load_lanes(builder, place, I8, TABLE_BYTES, TABLE_BYTES)
        return table.pick(list(range(TABLE_BYTES)) * (self.isa.lanes // TABLE_BYTES))

    def _flush(
        self, builder: ir.IRBuilder, sums: Any, segment: Any, out: Any, out_step: Any
    ) -> None:
        """Store the byte sums of the first segment as uint16; add those of the others."""
        is_first = builder.icmp_signed("==", segment, I64(0))
        with builder.if_else(is_first) as (first, later):
            for branch, adds in ((first, False), (later, True)):
                with branch:
                    self._store_sums(builder, sums, out, out_step, adds)

    def _store_sums(
        self, builder: ir.IRBuilder, sums: Any, out: Any, out_step: Any, adds: Any
    ) -> None:
        for pair in range(self.pairs):
            for vector in range(self.vectors):
                whole, high = (part.get() for part in sums[pair][2 * vector : 2 * vector + 2])
                low = whole - ((high & 15).regard_as(I16) << 4).regard_as(I8)
                for half, total in enumerate((low, high)):
                    row = builder.add(out, builder.mul(out_step, I64(2 * (2 * pair + half))))
                    place = address_at(builder, row, vector * self.isa.lanes, 2)
                    value = total.widen(I16)
                    if adds:
                        value = value + load_lanes(builder, place, I16, self.isa.lanes, 2)
                    store(builder, value, place, 2)
