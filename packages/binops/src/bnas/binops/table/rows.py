"""Copies of rows of pixels, whole vectors at a time: all that gathering needs.

They may write up to a vector more than was asked for. Rows are written in ascending order, so that
the next one puts that right, and what lies behind the last one is spare.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import (
    F32,
    F64,
    I8,
    I64,
    Lanes,
    Variable,
    address_at,
    constant,
    load_lanes,
    loop,
    store,
    zeros,
)

#: Bytes that a copy of bytes moves at a time: rows of planes are often this short.
STEP = 16


def emit_copy(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the copy of bytes, `STEP` at a time.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the source, of the target, number of bytes.
    """
    _emit_copy(builder, STEP, arguments)


def _emit_copy(builder: ir.IRBuilder, step: Any, arguments: Any) -> None:
    source, target, count = arguments
    with loop(builder, I64(0), _parts(builder, count, step)) as part:
        offset = builder.mul(part, I64(step))
        values = load_lanes(builder, builder.add(source, offset), I8, step)
        store(builder, values, builder.add(target, offset))


def emit_halve(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the dealing out of bytes in turn: even ones to one row, odd ones to another.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the source, of the even elements, of the odd ones, number
            of bytes of each.
    """
    _emit_halve(builder, I8, STEP, arguments)


def _emit_halve(builder: ir.IRBuilder, kind: Any, step: Any, arguments: Any) -> None:
    source, *targets, count = arguments
    lanes = step // 4 if kind == F32 else step
    with loop(builder, I64(0), _parts(builder, count, step)) as part:
        offset = builder.mul(part, I64(step))
        both = load_lanes(builder, address_at(builder, source, offset, 2), kind, 2 * lanes)
        for first, target in enumerate(targets):
            store(builder, both.pick(range(first, 2 * lanes, 2)), builder.add(target, offset))


def emit_copy_rows(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the copy of rows of float32 values.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the first source row; of the first target row; bytes from
            row to row of the source, and of the target; bytes of a target row; number of rows.
    """
    _emit_rows(builder, arguments, lambda row: _emit_copy(builder, isa.lanes, row))


def emit_take_rows(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the copy of every other value of rows; arguments as for `emit_copy_rows`."""
    _emit_rows(builder, arguments, lambda row: _emit_halve(builder, F32, isa.lanes, row))


def emit_halve_rows(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the dealing out of the values of rows in turn, even ones to one row, odd to another.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: As for `emit_copy_rows`, with two first target rows.
    """
    _emit_rows(builder, arguments, lambda row: _emit_halve(builder, F32, isa.lanes, row))


def _emit_rows(builder: ir.IRBuilder, arguments: Any, emit_row: Any) -> None:
    source, *targets, source_step, target_step, count, rows = arguments
    with loop(builder, I64(0), rows) as row:
        place, offset = builder.mul(row, source_step), builder.mul(row, target_step)
        targets = [builder.add(target, offset) for target in targets]
        emit_row([builder.add(source, place), *targets, count])


def _parts(builder: ir.IRBuilder, count: ir.Value, step: int) -> ir.Value:
    return builder.udiv(builder.add(count, I64(step - 1)), I64(step))


def emit_dot(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit a dot product of float32 vectors, in four sums that are added in the end.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: addresses of the two vectors; number of quadruples of machine
            vectors, so that both must be padded with zeros; address of the result.
    """
    first, second, count, out = arguments
    width = isa.lanes // 4
    sums = [Variable(builder, F32, width) for _ in range(4)]
    for total in sums:
        total.set(zeros(builder, F32, width))
    with loop(builder, I64(0), count) as part:
        place = builder.mul(part, I64(4 * isa.lanes))
        for index, total in enumerate(sums):
            offset = builder.add(place, I64(index * isa.lanes))
            a, b = (
                load_lanes(builder, builder.add(vector, offset), F32, width, 4)
                for vector in (first, second)
            )
            total.set(total.get() + a * b)
    whole = (sums[0].get() + sums[1].get()) + (sums[2].get() + sums[3].get())
    store(builder, whole.total(), out, 4)


def emit_sum(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the sum of whole vectors of float32, in float64.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the values; number of vectors; address of the result,
            float64.
    """
    source, count, out = arguments
    width = isa.lanes // 4
    total = Variable(builder, F64, width)
    total.set(zeros(builder, F64, width))
    with loop(builder, I64(0), count) as part:
        place = builder.add(source, builder.mul(part, I64(isa.lanes)))
        total.set(total.get() + load_lanes(builder, place, F32, width, 4).to_double())
    store(builder, total.get().total(), out, 8)


def emit_pool(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit a row of max pooling, 3x3 with stride 2 and padding 1.

    A maximum does not change if a value is seen twice, so a row outside the image is replaced by
    the middle one. What lies to the left of a pair of columns is the pair before's right one.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: addresses of the upper, the middle and the lower row, float32; of the
            result, float32; values of it.
    """
    *rows, target, count = arguments
    width = isa.lanes // 4
    before = Variable(builder, F32, width)
    before.set(Lanes(builder, constant(ir.VectorType(F32, width), float("-inf"))))
    with loop(builder, I64(0), _parts(builder, count, width)) as part:
        here = _highest(builder, rows, builder.mul(part, I64(2 * width)), 2 * width)
        even, odd = (here.pick(range(start, 2 * width, 2)) for start in (0, 1))
        left = odd.behind(before.get())
        before.set(odd)
        place = address_at(builder, target, builder.mul(part, I64(width)), 4)
        store(builder, _maximum(_maximum(left, even), odd), place, 4)


def emit_mean(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit a row of mean pooling, 2x2 with stride 2.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: addresses of the upper and the lower row, float32; of the result,
            float32; values of it.
    """
    upper, lower, target, count = arguments
    width = isa.lanes // 4
    with loop(builder, I64(0), _parts(builder, count, width)) as part:
        first = builder.mul(part, I64(2 * width))
        a, b = (
            load_lanes(builder, address_at(builder, row, first, 4), F32, 2 * width, 4)
            for row in (upper, lower)
        )
        both = a + b
        total = both.pick(range(0, 2 * width, 2)) + both.pick(range(1, 2 * width, 2))
        place = address_at(builder, target, builder.mul(part, I64(width)), 4)
        store(builder, total * 0.25, place, 4)


def _highest(builder: ir.IRBuilder, rows: Any, first: Any, count: Any) -> Lanes:
    places = [address_at(builder, row, first, 4) for row in rows]
    values = [load_lanes(builder, place, F32, count, 4) for place in places]
    return _maximum(_maximum(values[0], values[1]), values[2])


def _maximum(a: Lanes, b: Lanes) -> Lanes:
    return a.float_above(b).choose(a, b)
