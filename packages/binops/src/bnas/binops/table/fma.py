"""The micro-kernel of real convolutions: rows of a product, by multiply and add in registers."""

from __future__ import annotations

from typing import Any

import attrs
from llvmlite import ir

from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import (
    F32,
    I64,
    Lanes,
    Variable,
    address_at,
    broadcast,
    call,
    load,
    load_lanes,
    loop,
    prefetch,
    store,
    zeros,
)

#: Bytes ahead at which weights are fetched, for layers whose weights are read once an image and lie
#: in no cache. Measured on a Zen 5, 8 MiB of them: 1,480 us without, 1,050 us with, where 890 us
#: are what they take from the third-level cache; 1,024 bytes are too few, 8,192 no better.
_AHEAD = 2048


@attrs.frozen
class Block:
    """Sizes of a blocked product.

    Args:
        rows: Rows of the result whose sums are in registers together.
        vectors: Most vectors of each of them.
        depth: Most taps that are summed at a time: what they see stays in the first-level cache.
        tail_vectors: Vectors of a tile that has one more column, all of whose sums are one vector.
    """

    rows: int
    vectors: int
    depth: int
    tail_vectors: int

    def widths(self, vector: int) -> dict[int, tuple[int, int]]:
        """Columns of a tile -> its vectors and what is left of a vector.

        Args:
            vector: Values of a vector.
        """
        whole = {vector * count: (count, 0) for count in range(1, self.vectors + 1)}
        return {**whole, vector * self.tail_vectors + 1: (self.tail_vectors, 1)}


def block_of(isa: Isa) -> Block:
    """The sizes for an instruction set.

    Sums need a register each, beside a vector of every column and one weight: 28 of 32, 16 of 16.
    Measured on a Zen 5 with operands in the first-level cache, 32 multiply-adds a cycle at most:
    31 to 32 for 8 x 3, 6 x 4, 9 x 3 and 12 x 2, but 25 for 7 x 4. Eight divides most numbers of
    channels.
    """
    if isa.lanes == 64:
        return Block(rows=8, vectors=3, depth=144, tail_vectors=3)
    return Block(rows=4, vectors=3, depth=256, tail_vectors=2)


class ProductEmitter:
    """Emits ``out[r, :] = max(floor, bias[r] + sum over k of weights[k, r] * line k[:])``.

    Args:
        isa: The instruction set.
        vectors: Vectors of float32 in a row.
        tail: Columns behind them, 0 or 1.
    """

    def __init__(self, isa: Isa, vectors: int, tail: int = 0) -> None:
        self.isa = isa
        self.width: int = isa.lanes // 4
        self.rows: int = block_of(isa).rows
        self.vectors = vectors
        self.tail = tail

    def emit(self, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
        """Emit the kernel.

        Args:
            builder: Where.
            arguments: int64 each: address of the weights, float32 (depth, rows); of the pixels;
                of the offsets, int64 (depth,): bytes from the pixels to line k, float32
                (columns,); depth; address of the biases, float32 (rows,), or 0 to begin with the
                result so far; of the least result, one float32; of the result, float32; bytes
                between its rows.
        """
        weights, pixels, offsets, depth, bias, floor, out, row_bytes = arguments
        lines = [builder.add(out, builder.mul(row_bytes, I64(r))) for r in range(self.rows)]
        sums = [
            [Variable(builder, F32, self.width) for _ in range(self.vectors)]
            for _ in range(self.rows)
        ]
        last = Variable(builder, F32, self.rows)
        with builder.if_else(builder.icmp_signed("!=", bias, I64(0))) as (fresh, later):
            with fresh:
                self._begin(builder, bias, sums, last)
            with later:
                self._go_on(builder, lines, sums, last)
        with loop(builder, I64(0), depth) as k:
            line = builder.add(pixels, load(builder, address_at(builder, offsets, k, 8), I64, 8))
            taps = builder.add(weights, builder.mul(k, I64(4 * self.rows)))
            self._add_tap(builder, line, taps, sums, last)
            prefetch(builder, builder.add(taps, I64(_AHEAD)))
        self._end(builder, floor, lines, sums, last)

    def _begin(self, builder: ir.IRBuilder, bias: Any, sums: Any, last: Any) -> None:
        for row in range(self.rows):
            start = _splat(builder, address_at(builder, bias, row, 4), self.width)
            for total in sums[row]:
                total.set(start)
        if self.tail:
            last.set(load_lanes(builder, bias, F32, self.rows, 4))

    def _go_on(self, builder: ir.IRBuilder, lines: Any, sums: Any, last: Any) -> None:
        for line, totals in zip(lines, sums, strict=True):
            for v, total in enumerate(totals):
                total.set(load_lanes(builder, self._column(builder, line, v), F32, self.width, 4))
        if self.tail:
            column = zeros(builder, F32, self.rows).value
            for row, line in enumerate(lines):
                value = load(builder, self._column(builder, line, self.vectors), F32, 4)
                column = builder.insert_element(column, value, I64(row))
            last.set(Lanes(builder, column))

    def _add_tap(self, builder: ir.IRBuilder, line: Any, taps: Any, sums: Any, last: Any) -> None:
        values = [
            load_lanes(builder, self._column(builder, line, v), F32, self.width, 4)
            for v in range(self.vectors)
        ]
        for row in range(self.rows):
            weight = _splat(builder, address_at(builder, taps, row, 4), self.width)
            for total, value in zip(sums[row], values, strict=True):
                total.set(self._add_product(builder, weight, value, total.get()))
        if self.tail:
            value = _splat(builder, self._column(builder, line, self.vectors), self.rows)
            weight = load_lanes(builder, taps, F32, self.rows, 4)
            last.set(self._add_product(builder, weight, value, last.get()))

    def _end(self, builder: ir.IRBuilder, floor: Any, lines: Any, sums: Any, last: Any) -> None:
        least = _splat(builder, floor, self.width)
        for line, totals in zip(lines, sums, strict=True):
            for v, total in enumerate(totals):
                store(builder, _at_least(total.get(), least), self._column(builder, line, v), 4)
        if self.tail:
            column = _at_least(last.get(), _splat(builder, floor, self.rows)).value
            for row, line in enumerate(lines):
                value = builder.extract_element(column, I64(row))
                store(builder, value, self._column(builder, line, self.vectors), 4)

    def _column(self, builder: ir.IRBuilder, line: ir.Value, vector: int) -> ir.Value:
        """The address of a vector of a line."""
        return address_at(builder, line, vector * self.width, 4)

    def _add_product(self, builder: ir.IRBuilder, a: Lanes, b: Lanes, total: Lanes) -> Lanes:
        """Return ``a * b + total``; LLVM would call a function where no instruction does it."""
        if not self.isa.fuses:
            return a * b + total
        return call(builder, f"llvm.fma.v{a.count}f32", total.value.type, a, b, total)


def emit_product(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the kernels of all widths that a tile may have.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: columns of the tile, one of `Block.widths`; then those of
            `ProductEmitter.emit`.
    """
    columns, *others = arguments
    after = builder.append_basic_block("product.after")
    switch = builder.switch(columns, after)
    for width, (vectors, tail) in block_of(isa).widths(isa.lanes // 4).items():
        case = builder.append_basic_block(f"product.{width}")
        switch.add_case(I64(width), case)
        builder.position_at_end(case)
        ProductEmitter(isa, vectors, tail).emit(builder, others)
        builder.branch(after)
    builder.position_at_end(after)


def _splat(builder: ir.IRBuilder, address: ir.Value, count: int) -> Lanes:
    return broadcast(builder, load(builder, address, F32, 4), count)


def _at_least(value: Lanes, least: Lanes) -> Lanes:
    return least.float_above(value).choose(least, value)
