"""Before and after the counting: what counters start with, and their bits."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from bnas.binops.sliced.logic import (
    PIXELS,
    WORD_BYTES,
    load_block,
    load_flags,
    load_vector,
    store_vector,
    words_where,
)
from bnas.binops.table.emitters import QUAD, emit_spread_quads
from bnas.binops.table.lanes import (
    I8,
    I16,
    I64,
    Lanes,
    address_at,
    broadcast,
    load,
    loop,
    prefetch,
    store,
    zeros,
)

#: Planes of weights below a carry's.
LOW_PLANES = 4


def emit_start(builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit the first state of some octets' counters: what they start with, plus their parity.

    Args:
        builder: Where.
        arguments: int64 each: address of what the first octet's counter starts with, vectors;
            number of planes; address of the parity, one word; of the first octet's signs of it, one
            bit a channel; octets; address of the first counter; bytes between counters; address of
            the first octet's first carry (weight 16); bytes between octets of these.
    """
    starts, planes, parity, signs, octets, counters, counter_bytes, carries, carry_bytes = arguments
    pixels = load_block(builder, parity)
    with loop(builder, I64(0), octets) as octet:
        source = address_at(builder, starts, builder.mul(octet, planes), PIXELS)
        counter = builder.add(counters, builder.mul(octet, counter_bytes))
        carry = words_where(builder, builder.add(signs, octet)).choose(pixels ^ -1, pixels)
        for plane in range(LOW_PLANES):
            offset = I64(plane * PIXELS)
            bits = load_vector(builder, builder.add(source, offset))
            store_vector(builder, bits ^ carry, builder.add(counter, offset))
            carry = bits & carry
        store_vector(builder, carry, builder.add(carries, builder.mul(octet, carry_bytes)))
        with loop(builder, I64(LOW_PLANES), planes) as plane:
            offset = builder.mul(plane, I64(PIXELS))
            bits = load_vector(builder, builder.add(source, offset))
            store_vector(builder, bits, builder.add(counter, offset))
            # What the next octets start with.
            ahead = address_at(builder, source, builder.mul(octets, planes), PIXELS)
            prefetch(builder, builder.add(ahead, offset))


def emit_signs(builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit the bits of one plane of counters, written to the planes of their groups of channels.

    Args:
        builder: Where.
        arguments: int64 each: address of the plane in the first octet's counter; bytes between
            counters; number of quads of channels; address of the flips, a byte a quad; of pixel 0
            in the first column's plane of the first quad; bytes between quads; the first pixel;
            then as `emit_spread_one` from the bytes between planes on.
    """
    counter, counter_bytes, quads, flips, *target = arguments

    def bits_of(quad: ir.Value) -> Lanes:
        flip = broadcast(builder, load(builder, builder.add(flips, quad), I8), PIXELS)
        return _quad_bits(builder, counter, counter_bytes, quad) ^ flip

    emit_spread_quads(builder, quads, bits_of, tuple(target))


def _quad_bits(builder: ir.IRBuilder, counter: Any, counter_bytes: Any, quad: Any) -> Lanes:
    """The bits of four channels as bytes."""
    half = builder.mul(builder.and_(quad, I64(1)), I64(QUAD * WORD_BYTES))
    octet = builder.mul(builder.lshr(quad, I64(1)), counter_bytes)
    bits = zeros(builder, I8, PIXELS)
    words = load_flags(builder, builder.add(builder.add(counter, octet), half), QUAD)
    for k, word in enumerate(words):
        bits = word.choose(bits | (1 << k), bits)
    return bits


def emit_sign_bytes(builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit the bits of one plane of a counter as bytes of eight channels.

    Args:
        builder: Where.
        arguments: int64 each: address of the plane; of the flips of the octet's quads, two bytes;
            whether there is a second quad; address of the result, uint8, a vector.
    """
    plane, flips, is_whole, out = arguments
    both = []
    for half in range(2):
        bits = _quad_bits(builder, plane, I64(0), I64(half))
        flip = load(builder, builder.add(flips, I64(half)), I8)
        both.append(bits ^ broadcast(builder, flip, PIXELS))
    # The high half of a 16-bit lane takes what the low one shifts out: there is nothing to shift.
    high = (both[1].regard_as(I16) << 4).regard_as(I8)
    none = zeros(builder, I8, PIXELS)
    chosen = builder.select(builder.icmp_signed("!=", is_whole, I64(0)), high.value, none.value)
    store(builder, both[0] | Lanes(builder, chosen), out)
