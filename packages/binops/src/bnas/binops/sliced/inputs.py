"""From planes of pixels to the bits of every input: a channel at a tap, for one block of pixels."""

from __future__ import annotations

from llvmlite import ir

from bnas.binops.sliced.logic import LANES, lane_bytes, lane_type, load_block, load_vector
from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import (
    I1,
    I8,
    I64,
    Lanes,
    address_at,
    broadcast,
    call,
    load_lanes,
    load_where,
    loop,
    store,
    zeros,
)
from bnas.binops.table.planes import GROUP, PADDING


def emit_gather(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the parting of one block of bytes of four channels: a word of bits for each channel.

    Padding (0x80 and anything) becomes 0 in all four.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the block in the plane of the first group of four; bytes
            between groups; number of groups; address of the first channel's word.
    """
    source, group_bytes, groups, target = arguments
    with loop(builder, I64(0), groups) as group:
        place = builder.add(source, builder.mul(group, group_bytes))
        bits = load_lanes(builder, place, I8, isa.lanes)
        bits = (bits & PADDING).equals(0).choose(bits, zeros(builder, I8, isa.lanes))
        words = address_at(builder, target, group, GROUP * lane_bytes(isa))
        _part(builder, isa, bits, words, GROUP)


def emit_gather_bytes(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the parting of one block of bytes of eight channels; see `emit_gather`.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the block in the first bytes; bytes between these and the
            next; how many; pixels that there are, beyond which nothing is read; address of the
            first channel's word.
    """
    source, step, count, pixels, target = arguments
    flags = Lanes(builder, builder.bitcast(_first(builder, isa, pixels), _flags(isa)))
    with loop(builder, I64(0), count) as byte:
        place = builder.add(source, builder.mul(byte, step))
        bits = load_where(builder, flags, place, I8)
        words = address_at(builder, target, byte, 8 * lane_bytes(isa))
        _part(builder, isa, bits, words, 8)


def _flags(isa: Isa) -> ir.VectorType:
    return ir.VectorType(I1, isa.lanes)


def _first(builder: ir.IRBuilder, isa: Isa, count: ir.Value) -> ir.Value:
    """A word whose lowest `count` bits, at most all, are 1."""
    word, whole = lane_type(isa), I64(isa.lanes)
    missing = builder.sub(whole, count)
    missing = builder.select(builder.icmp_signed("<", missing, I64(0)), I64(0), missing)
    amount = missing if word.width == 64 else builder.trunc(missing, word)
    return builder.lshr(ir.Constant(word, -1), amount)


def _part(builder: ir.IRBuilder, isa: Isa, bits: Lanes, words: ir.Value, count: int) -> None:
    """Store the bits of every pixel, a word for each place in the byte."""
    for k in range(count):
        flags = (bits & (1 << k)).equals(1 << k)
        word = builder.bitcast(flags.value, lane_type(isa))
        store(builder, word, builder.add(words, I64(k * lane_bytes(isa))), lane_bytes(isa))


def emit_shift(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the words of one tap and block: bits of the image, displaced, 0 where there is padding.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the first channel's word in the block that holds the first
            pixel wanted; bytes between blocks; the number of that pixel in its block; address of
            the mask, a word; number of channels; address of the result, words, which may be
            written up to a vector further.
    """
    source, block_bytes, first, mask, channels, target = arguments
    kind = lane_type(isa)
    amount = first if kind.width == 64 else builder.trunc(first, kind)
    places = broadcast(builder, amount, LANES)
    seen = load_block(builder, isa, mask)
    vectors = builder.udiv(builder.add(channels, I64(LANES - 1)), I64(LANES))
    with loop(builder, I64(0), vectors) as vector:
        place = address_at(builder, source, vector, isa.lanes)
        low = load_vector(builder, isa, place)
        high = load_vector(builder, isa, builder.add(place, block_bytes))
        moved = _funnel(high, low, places)
        store(builder, moved & seen, address_at(builder, target, vector, isa.lanes))


def _funnel(high: Lanes, low: Lanes, places: Lanes) -> Lanes:
    """Shift two words, regarded as one, to the right and return the lower."""
    kind = low.value.type
    return call(low.builder, f"llvm.fshr.v{LANES}i{kind.element.width}", kind, high, low, places)
