"""The micro-kernel of real convolutions: rows of a product, by multiply and add in registers."""

from __future__ import annotations

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
    store,
)


class ProductEmitter:
    """Emits ``out[r, :] = max(floor, bias[r] + sum over k of weights[k, r] * panel[k, :])``.

    Args:
        isa: The instruction set.
        rows: Rows of the result.
        vectors: Vectors of float32 in a row.
    """

    def __init__(self, isa: Isa, rows: int, vectors: int) -> None:
        self.isa = isa
        self.width = isa.lanes // 4
        self.rows = rows
        self.vectors = vectors

    def emit(self, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
        """Emit the kernel.

        Args:
            builder: Where.
            arguments: int64 each: address of the weights, float32 (depth, rows); of the panel,
                float32 (depth, vectors * width); depth; address of the biases, float32 (rows,), or
                0 to begin with the result so far; of the least result, one float32; of the result,
                float32; bytes between its rows.
        """
        weights, panel, depth, bias, floor, out, row_bytes = arguments
        sums = [
            [Variable(builder, F32, self.width) for _ in range(self.vectors)]
            for _ in range(self.rows)
        ]
        with builder.if_else(builder.icmp_signed("!=", bias, I64(0))) as (fresh, later):
            with fresh:
                for row in range(self.rows):
                    start = self._splat(builder, address_at(builder, bias, row, 4))
                    for total in sums[row]:
                        total.set(start)
            with later:
                for row in range(self.rows):
                    line = builder.add(out, builder.mul(row_bytes, I64(row)))
                    for v, total in enumerate(sums[row]):
                        place = address_at(builder, line, v * self.width, 4)
                        total.set(load_lanes(builder, place, F32, self.width, 4))
        with loop(builder, I64(0), depth) as k:
            here = builder.add(panel, builder.mul(k, I64(4 * self.width * self.vectors)))
            values = [
                load_lanes(
                    builder, address_at(builder, here, v * self.width, 4), F32, self.width, 4
                )
                for v in range(self.vectors)
            ]
            line = builder.add(weights, builder.mul(k, I64(4 * self.rows)))
            for row in range(self.rows):
                weight = self._splat(builder, address_at(builder, line, row, 4))
                for total, value in zip(sums[row], values, strict=True):
                    total.set(self._add_product(builder, weight, value, total.get()))
        least = self._splat(builder, floor)
        for row in range(self.rows):
            line = builder.add(out, builder.mul(row_bytes, I64(row)))
            for v, total in enumerate(sums[row]):
                value = total.get()
                value = least.float_above(value).choose(least, value)
                store(builder, value, address_at(builder, line, v * self.width, 4), 4)

    def _add_product(self, builder: ir.IRBuilder, a: Lanes, b: Lanes, total: Lanes) -> Lanes:
        """Return ``a * b + total``; LLVM would call a function where no instruction does it."""
        if not self.isa.fuses:
            return a * b + total
        return call(builder, f"llvm.fma.v{self.width}f32", total.value.type, a, b, total)

    def _splat(self, builder: ir.IRBuilder, address: ir.Value) -> Lanes:
        return broadcast(builder, load(builder, address, F32, 4), self.width)
