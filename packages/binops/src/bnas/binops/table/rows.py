"""Copies of rows of pixels, whole vectors at a time: all that gathering needs.

They may write up to a vector more than was asked for. Rows are written in ascending order, so that
the next one puts that right, and what lies behind the last one is spare.
"""

from __future__ import annotations

from llvmlite import ir

from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import I8, I64, address_at, load_lanes, loop, store

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
