"""Copies of rows of pixels, whole vectors at a time: all that gathering needs.

They may write up to a vector more than was asked for. Rows are written in ascending order, so that
the next one puts that right, and what lies behind the last one is spare.
"""

from __future__ import annotations

from llvmlite import ir

from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import F32, I8, I64, Lanes, address_at, load_lanes, loop, store

#: Bytes that a copy moves at a time.
STEP = 16


def emit_copy(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the copy of bytes.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the source, of the target, number of bytes.
    """
    source, target, count = arguments
    with loop(builder, I64(0), _parts(builder, count)) as part:
        offset = builder.mul(part, I64(STEP))
        values = load_lanes(builder, builder.add(source, offset), I8, STEP)
        store(builder, values, builder.add(target, offset))


def emit_halve(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the dealing out of elements in turn: even ones to one row, odd ones to another.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the source, of the even elements, of the odd ones, number
            of bytes of each, bytes of an element (1 or 4).
    """
    source, even, odd, count, size = arguments
    for element in (1, 4):
        with builder.if_then(builder.icmp_signed("==", size, I64(element))):
            _emit_halving(builder, source, (even, odd), count, element)


def _emit_halving(builder, source, targets, count, element) -> None:
    kind = ir.IntType(8 * element)
    lanes = STEP // element
    with loop(builder, I64(0), _parts(builder, count)) as part:
        offset = builder.mul(part, I64(STEP))
        both = load_lanes(builder, address_at(builder, source, offset, 2), kind, 2 * lanes)
        for first, target in enumerate(targets):
            store(builder, both.pick(range(first, 2 * lanes, 2)), builder.add(target, offset))


def _parts(builder: ir.IRBuilder, count: ir.Value) -> ir.Value:
    return builder.udiv(builder.add(count, I64(STEP - 1)), I64(STEP))


def emit_pool(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit a row of max pooling, 3x3 with stride 2 and padding 1.

    A maximum does not change if a value is seen twice, so a row outside the image is replaced by
    the middle one, and the column to the left of the image by the first.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: addresses of the upper, the middle and the lower row, float32; of the
            result, float32; values of it.
    """
    *rows, target, count = arguments
    width = isa.lanes // 4
    parts = builder.udiv(builder.add(count, I64(width - 1)), I64(width))
    with loop(builder, I64(0), parts) as part:
        first = builder.mul(part, I64(2 * width))
        here = _highest(builder, rows, first, 2 * width)
        shifted = _highest(builder, rows, builder.sub(first, I64(1)), 2 * width)
        even, odd = (here.pick(range(start, 2 * width, 2)) for start in (0, 1))
        left = shifted.pick(range(0, 2 * width, 2))
        is_edge = builder.icmp_signed("==", part, I64(0))
        edge = builder.insert_element(
            left.value, builder.extract_element(even.value, I64(0)), I64(0)
        )
        left = Lanes(builder, builder.select(is_edge, edge, left.value))
        highest = _maximum(_maximum(left, even), odd)
        store(builder, highest, address_at(builder, target, builder.mul(part, I64(width)), 4), 4)


def _highest(builder, rows, first, count) -> Lanes:
    places = [address_at(builder, row, first, 4) for row in rows]
    values = [load_lanes(builder, place, F32, count, 4) for place in places]
    return _maximum(_maximum(values[0], values[1]), values[2])


def _maximum(a: Lanes, b: Lanes) -> Lanes:
    return a.float_above(b).choose(a, b)
