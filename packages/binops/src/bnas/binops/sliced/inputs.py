"""From planes of pixels to the bits of every input: a channel at a tap, for one block of pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection

from llvmlite import ir

from bnas.binops.sliced.logic import (
    PIXELS,
    WORD_BYTES,
    WORDS,
    load_block,
    load_vector,
    store_vector,
)
from bnas.binops.sliced.turning import turn, turns
from bnas.binops.table.lanes import (
    I1,
    I8,
    I64,
    Lanes,
    address_at,
    broadcast,
    call,
    load,
    load_lanes,
    load_where,
    loop,
    store,
    zeros,
)
from bnas.binops.table.planes import GROUP, PADDING

#: Stores the bits of every pixel, a word for each place in the byte: builder, bytes, address of the
#: first word, number of places.
Parter = Callable[[ir.IRBuilder, Lanes, ir.Value, int], None]


def emit_gather(part: Parter, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit the parting of one block of bytes of four channels: a word of bits for each channel.

    Padding (0x80 and anything) becomes 0 in all four.

    Args:
        part: How.
        builder: Where.
        arguments: int64 each: address of the block in the plane of the first group of four; bytes
            between groups; number of groups; address of the first channel's word.
    """
    source, group_bytes, groups, target = arguments
    with loop(builder, I64(0), groups) as group:
        place = builder.add(source, builder.mul(group, group_bytes))
        bits = load_lanes(builder, place, I8, PIXELS)
        bits = (bits & PADDING).equals(0).choose(bits, zeros(builder, I8, PIXELS))
        words = address_at(builder, target, group, GROUP * WORD_BYTES)
        part(builder, bits, words, GROUP)


def emit_gather_bytes(part: Parter, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit the parting of one block of bytes of eight channels; see `emit_gather`.

    Args:
        part: How.
        builder: Where.
        arguments: int64 each: address of the block in the first bytes; bytes between these and the
            next; how many; pixels that there are, beyond which nothing is read; address of the
            first channel's word.
    """
    source, step, count, pixels, target = arguments
    flags = _first(builder, pixels)
    with loop(builder, I64(0), count) as byte:
        place = builder.add(source, builder.mul(byte, step))
        bits = load_where(builder, flags, place, I8)
        words = address_at(builder, target, byte, 8 * WORD_BYTES)
        part(builder, bits, words, 8)


def _first(builder: ir.IRBuilder, count: ir.Value) -> Lanes:
    """Vector of bool: True for the first `count` pixels, at most all."""
    missing = builder.sub(I64(PIXELS), count)
    missing = builder.select(builder.icmp_signed("<", missing, I64(0)), I64(0), missing)
    word = builder.lshr(I64(-1), missing)
    return Lanes(builder, builder.bitcast(word, ir.VectorType(I1, PIXELS)))


def parter_for(features: Collection[str]) -> Parter:
    """The fastest way to part bits on a CPU, by LLVM's names of what it has."""
    return part_by_turning if turns(features) else part_by_tests


def part_by_tests(builder: ir.IRBuilder, bits: Lanes, words: ir.Value, count: int) -> None:
    """Store the bits of every pixel: test for each place in the byte."""
    for k in range(count):
        flags = (bits & (1 << k)).equals(1 << k)
        word = builder.bitcast(flags.value, I64)
        store(builder, word, builder.add(words, I64(k * WORD_BYTES)), WORD_BYTES)


def part_by_turning(builder: ir.IRBuilder, bits: Lanes, words: ir.Value, count: int) -> None:
    """Store the bits of every pixel: turn those of eight pixels at a time."""
    eights = range(0, PIXELS, WORD_BYTES)
    columns = turn(bits.pick([eight + 7 - k for eight in eights for k in range(WORD_BYTES)]))
    found = columns.pick([eight + k for k in range(count) for eight in eights])
    store(builder, found, words, WORD_BYTES)


def emit_pick(builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit the choice of some pixels of a block, and their addition to a smaller image's words.

    Args:
        builder: Where.
        arguments: int64 each: address of the first channel's word in the block; the pixels, as the
            bits of a word; number of channels; address of the first channel's word in the block
            that they go to, of which bits from the first one on may hold anything; bytes from it to
            the next; the place of the first pixel; address of memory for a word a channel. Words
            may be read and written up to a vector further.
    """
    source, mask, channels, target, block_bytes, first, picked = arguments
    name = "llvm.x86.bmi.pext.64"
    chosen = Lanes(builder, mask)
    with loop(builder, I64(0), channels) as channel:
        offset = builder.mul(channel, I64(WORD_BYTES))
        word = Lanes(builder, load(builder, builder.add(source, offset), I64, WORD_BYTES))
        bits = call(builder, name, I64, word, chosen)
        store(builder, bits, builder.add(picked, offset), WORD_BYTES)
    places = broadcast(builder, first, WORDS)
    before = broadcast(builder, builder.sub(builder.shl(I64(1), first), I64(1)), WORDS)
    none = zeros(builder, I64, WORDS)
    vectors = builder.udiv(builder.add(channels, I64(WORDS - 1)), I64(WORDS))
    with loop(builder, I64(0), vectors) as vector:
        bits = load_vector(builder, address_at(builder, picked, vector, PIXELS))
        place = address_at(builder, target, vector, PIXELS)
        moved = Lanes(builder, builder.shl(bits.value, places.value))
        store_vector(builder, load_vector(builder, place) & before | moved, place)
        over = _shifted_left_over(bits, none, places)
        store_vector(builder, over, builder.add(place, block_bytes))


def emit_shift(builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit the words of one tap and block: bits of the image, displaced, 0 where there is padding.

    Args:
        builder: Where.
        arguments: int64 each: address of the first channel's word in the block that holds the first
            pixel wanted; bytes between blocks; the number of that pixel in its block; address of
            the mask, a word; number of channels; address of the result, words, which may be
            written up to a vector further.
    """
    source, block_bytes, first, mask, channels, target = arguments
    places = broadcast(builder, first, WORDS)
    seen = load_block(builder, mask)
    vectors = builder.udiv(builder.add(channels, I64(WORDS - 1)), I64(WORDS))
    with loop(builder, I64(0), vectors) as vector:
        place = address_at(builder, source, vector, PIXELS)
        low = load_vector(builder, place)
        high = load_vector(builder, builder.add(place, block_bytes))
        moved = _funnel(high, low, places)
        store(builder, moved & seen, address_at(builder, target, vector, PIXELS), WORD_BYTES)


def _shifted_left_over(bits: Lanes, none: Lanes, places: Lanes) -> Lanes:
    """What a shift to the left moves out of each word."""
    kind = bits.value.type
    return call(bits.builder, f"llvm.fshl.v{WORDS}i{PIXELS}", kind, none, bits, places)


def _funnel(high: Lanes, low: Lanes, places: Lanes) -> Lanes:
    """Shift two words, regarded as one, to the right and return the lower."""
    kind = low.value.type
    return call(low.builder, f"llvm.fshr.v{WORDS}i{PIXELS}", kind, high, low, places)
