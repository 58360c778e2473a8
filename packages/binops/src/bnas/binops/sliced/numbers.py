"""Numbers read off counters, whose bits lie plane by plane.

Everywhere a plane's bits choose to which pixels its weight is added. A CPU that multiplies
matrices of bits (GFNI) turns eight planes of eight pixels into eight bytes by one instruction: two
fifths of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from llvmlite import ir

from bnas.binops.sliced.logic import PIXELS, WORD_BYTES, WORDS, load_flags
from bnas.binops.sliced.turning import turn, turns
from bnas.binops.table.emitters import QUAD
from bnas.binops.table.lanes import (
    I1,
    I8,
    I16,
    I64,
    Lanes,
    Variable,
    address_at,
    broadcast,
    load_lanes,
    loop,
    store,
    zeros,
)

#: Reads a quad's counter: builder, address of its first word in plane 0, number of planes; returns
#: a vector of 16-bit numbers for each channel.
Reader = Callable[[ir.IRBuilder, ir.Value, ir.Value], list[Lanes]]

#: Planes that become one byte.
_BYTE = 8
#: The first pixel of each word of bytes, in eights: halves of vectors interleave to whole order.
_FIRST = (0, 4, 1, 5, 2, 6, 3, 7)
#: Eight pixels and plane of every byte that is turned: the matrix's last row gives the first bit.
_MATRIX_BYTES = [(eight, _BYTE - 1 - row) for eight in _FIRST for row in range(_BYTE)]


def reader_for(features: Collection[str]) -> Reader:
    """The fastest reader for a CPU, by LLVM's names of what it has."""
    return transpose if turns(features) else add_up


def emit_numbers(read: Reader, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit a quad's counter as numbers.

    Args:
        read: How.
        builder: Where.
        arguments: int64 each: address of the quad's first word in plane 0; number of planes;
            address of the result, uint16 (4, step); its step.
    """
    counter, planes, out, step = arguments
    for k, number in enumerate(read(builder, counter, planes)):
        store(builder, number, address_at(builder, out, builder.mul(step, I64(k)), 2), 2)


def emit_sums(read: Reader, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit ``length - 2 * number`` of counters: dot products.

    Args:
        read: How.
        builder: Where.
        arguments: int64 each: address of the first octet's counter; bytes between counters; number
            of quads of channels; number of planes; length; address of the result, int16
            (quads * 4, 64).
    """
    counters, counter_bytes, quads, planes, length, out = arguments
    whole = broadcast(builder, builder.trunc(length, I16), PIXELS)
    with loop(builder, I64(0), quads) as quad:
        half = builder.mul(builder.and_(quad, I64(1)), I64(QUAD * WORD_BYTES))
        octet = builder.mul(builder.lshr(quad, I64(1)), counter_bytes)
        counter = builder.add(builder.add(counters, octet), half)
        row = address_at(builder, out, quad, 2 * QUAD * PIXELS)
        for k, number in enumerate(read(builder, counter, planes)):
            place = builder.add(row, I64(2 * k * PIXELS))
            store(builder, whole - (number + number), place, 2)


def add_up(builder: ir.IRBuilder, counter: ir.Value, planes: ir.Value) -> list[Lanes]:
    """Read a quad: add the weight of every plane where its bit is 1."""
    eight = builder.icmp_signed("<", planes, I64(_BYTE))
    low_planes = builder.select(eight, planes, I64(_BYTE))
    sums = [[Variable(builder, I8, PIXELS) for _ in range(2)] for _ in range(QUAD)]
    for pair in sums:
        for total in pair:
            total.set(zeros(builder, I8, PIXELS))
    weight = Variable(builder, I8, PIXELS)
    for half, (start, stop) in enumerate(((I64(0), low_planes), (low_planes, planes))):
        weight.set(zeros(builder, I8, PIXELS) + 1)
        with loop(builder, start, stop) as plane:
            place = address_at(builder, counter, plane, PIXELS)
            for k, word in enumerate(load_flags(builder, place, QUAD)):
                state = sums[k][half].get()
                sums[k][half].set(word.choose(state + weight.get(), state))
            weight.set(weight.get() + weight.get())
    return [low.get().widen(I16) + (high.get().widen(I16) << _BYTE) for low, high in sums]


def transpose(builder: ir.IRBuilder, counter: ir.Value, planes: ir.Value) -> list[Lanes]:
    """Read a quad: turn its planes, eight by eight, into bytes. Sixteen planes are read."""
    low = _bytes_of(builder, counter, planes)
    high = _bytes_of(
        builder,
        builder.add(counter, I64(_BYTE * PIXELS)),
        builder.sub(planes, I64(_BYTE)),
    )
    return [_interleave(*pair) for pair in zip(low, high, strict=True)]


def _bytes_of(builder: ir.IRBuilder, counter: ir.Value, planes: ir.Value) -> list[Lanes]:
    """Eight planes of a quad as bytes of pixels, a vector a channel, in the order `_FIRST`.

    Args:
        builder: Where.
        counter: Address of the quad's first word in the first plane.
        planes: How many there are; those from there on count as 0.
    """
    rows = [
        load_lanes(builder, builder.add(counter, I64(plane * PIXELS)), I64, QUAD, WORD_BYTES)
        for plane in range(_BYTE)
    ]
    # Words: the four channels of a plane, then those of the next.
    pairs = [rows[plane].mix(rows[plane + 1], range(WORDS)) for plane in range(0, _BYTE, 2)]
    shown = _shown(builder, planes)
    none = zeros(builder, I8, PIXELS)
    out = []
    for first in range(0, QUAD, 2):
        # Two channels: words of four planes each.
        order = [first + k + plane for k in range(2) for plane in (0, QUAD, WORDS, WORDS + QUAD)]
        low, high = (pairs[half].mix(pairs[half + 1], order).regard_as(I8) for half in (0, 2))
        for k in range(2):
            matrices = low.mix(high, [_place(k, *at) for at in _MATRIX_BYTES])
            out.append(turn(shown.choose(matrices, none)))
    return out


def _place(channel: int, eight: int, plane: int) -> int:
    """Where a byte lies in two vectors of two channels of four planes each."""
    half, row = divmod(plane, QUAD)
    return half * PIXELS + (channel * QUAD + row) * WORD_BYTES + eight


def _shown(builder: ir.IRBuilder, planes: ir.Value) -> Lanes:
    """Vector of bool: the bytes of `_MATRIX_BYTES` whose plane is below a number."""
    none = builder.icmp_signed("<", planes, I64(0))
    some = builder.select(none, I64(0), planes)
    all_ = builder.icmp_signed(">", some, I64(_BYTE))
    shown = builder.select(all_, I64(_BYTE), some)
    # The last `shown` bytes of every word.
    byte = builder.sub(I64(0x100), builder.lshr(I64(0x100), shown))
    word = builder.mul(byte, I64(0x0101010101010101))
    return Lanes(builder, builder.bitcast(word, ir.VectorType(I1, PIXELS)))


def _interleave(low: Lanes, high: Lanes) -> Lanes:
    """Bytes in the order `_FIRST` as 16-bit numbers in order."""
    halves = []
    for start in (0, WORD_BYTES):
        lanes = [lane * 2 * WORD_BYTES + start + k for lane in range(4) for k in range(WORD_BYTES)]
        order = [place for at in lanes for place in (at, PIXELS + at)]
        halves.append(low.mix(high, order).regard_as(I16))
    return halves[0].mix(halves[1], range(PIXELS))
