"""What is generated besides the tile kernel: bits of counts and floats, floats of counts, planes.

All of these work on a *quad*, four channels, whose bits share the bytes of a plane, and on a whole
number of vectors of pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import (
    F32,
    I8,
    I16,
    I32,
    I64,
    Lanes,
    address_at,
    broadcast,
    load,
    load_lanes,
    loop,
    store,
    zeros,
)

#: Channels of a byte of a plane.
QUAD = 4


def _counts(builder: ir.IRBuilder, isa: Any, mismatches: Any, valid: Any) -> Lanes:
    """Read the mismatches of one vector of pixels and return ``valid - 2 * mismatches``, int16."""
    wrong = load_lanes(builder, mismatches, I16, isa.lanes, 2)
    return load_lanes(builder, valid, I16, isa.lanes, 2) - (wrong + wrong)


def _scalars(
    builder: ir.IRBuilder, isa: Any, address: Any, kind: Any, count: Any = None
) -> list[Lanes]:
    """Broadcast the values of the four channels at an address."""
    size = kind.width // 8 if isinstance(kind, ir.IntType) else 4
    return [
        broadcast(builder, load(builder, address_at(builder, address, k, size), kind, size), lanes)
        for k, lanes in enumerate([count or isa.lanes] * QUAD)
    ]


def emit_threshold(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit ``(count >= threshold) ^ flip`` for a quad of channels, as the bits of bytes.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the mismatches, uint16 (4, step); their step; address of
            the valid taps of the first pixel, int16; of the thresholds, int16 (4,); of the flips,
            one byte; of the result, uint8; number of vectors.
    """
    mismatches, step, valid, thresholds, flips, out, vectors = arguments
    flip = broadcast(builder, load(builder, flips, I8), isa.lanes)
    limits = _scalars(builder, isa, thresholds, I16)
    with loop(builder, I64(0), vectors) as vector:
        pixel = builder.mul(vector, I64(isa.lanes))
        bits = zeros(builder, I8, isa.lanes)
        for k in range(QUAD):
            row = address_at(builder, mismatches, builder.mul(step, I64(k)), 2)
            place = address_at(builder, row, pixel, 2)
            counts = _counts(builder, isa, place, address_at(builder, valid, pixel, 2))
            bits = counts.signed_at_least(limits[k]).choose(bits | (1 << k), bits)
        store(builder, bits ^ flip, builder.add(out, pixel))


def emit_compare(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit ``(value >= threshold) ^ flip`` for a quad of rows of floats, as the bits of bytes.

    A channel that is not there is given the last one's row, for nothing beyond may be read.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the first value, float32; bytes between rows; rows that
            there are, 1 to 4; address of the thresholds, float32 (4,); of the flips, one byte; of
            the result, uint8; number of vectors.
    """
    values, row_bytes, channels, thresholds, flips, out, vectors = arguments
    flip = broadcast(builder, load(builder, flips, I8), isa.lanes)
    limits = _scalars(builder, isa, thresholds, F32)
    rows = _quad_rows(builder, values, row_bytes, channels)
    with loop(builder, I64(0), vectors) as vector:
        pixel = builder.mul(vector, I64(isa.lanes))
        places = [address_at(builder, row, pixel, 4) for row in rows]
        store(builder, _compared(builder, isa, places, limits) ^ flip, builder.add(out, pixel))


def _quad_rows(builder: ir.IRBuilder, values: Any, row_bytes: Any, channels: Any) -> list[ir.Value]:
    """Addresses of four rows, the last that there is for those that are not there."""
    rows = [values]
    for k in range(1, QUAD):
        is_there = builder.icmp_signed("<", I64(k), channels)
        rows.append(builder.select(is_there, builder.add(rows[-1], row_bytes), rows[-1]))
    return rows


def _compared(builder: ir.IRBuilder, isa: Any, places: Any, limits: Any) -> Lanes:
    """The bits of one vector of pixels of four rows of floats, as bytes."""
    bits = zeros(builder, I8, isa.lanes)
    for k, (place, limit) in enumerate(zip(places, limits, strict=True)):
        floats = load_lanes(builder, place, F32, isa.lanes, 4)
        bits = floats.float_at_least(limit).choose(bits | (1 << k), bits)
    return bits


def emit_pack(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the comparison of some rows of floats, one vector of pixels, into planes.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the first value, float32; bytes between rows; channels;
            address of the thresholds, float32 (quads, 4); of the flips, a byte a quad; of pixel 0
            in the first column's plane of the first quad; bytes between quads; the first pixel;
            then as `emit_spread_one` from the bytes between planes on.
    """
    values, row_bytes, channels, thresholds, flips, *target = arguments
    quads = builder.udiv(builder.add(channels, I64(QUAD - 1)), I64(QUAD))

    def bits_of(quad: ir.Value) -> Lanes:
        done = builder.mul(quad, I64(QUAD))
        place = builder.add(values, builder.mul(row_bytes, done))
        rows = _quad_rows(builder, place, row_bytes, builder.sub(channels, done))
        limits = _scalars(builder, isa, address_at(builder, thresholds, done, 4), F32)
        flip = broadcast(builder, load(builder, builder.add(flips, quad), I8), isa.lanes)
        return _compared(builder, isa, rows, limits) ^ flip

    emit_spread_quads(builder, quads, bits_of, tuple(target))


def emit_spread_quads(
    builder: ir.IRBuilder,
    quads: ir.Value,
    bits_of: Callable[[ir.Value], Lanes],
    target: tuple[ir.Value, ...],
) -> None:
    """Write one vector of pixels of some quads into the planes of their groups.

    Args:
        builder: Where.
        quads: int64, their number.
        bits_of: Emits the bits of a quad.
        target: int64 each: address of pixel 0 in the first column's plane of the first quad, bytes
            between quads, the first pixel, then as `emit_spread_one` from the bytes between planes
            on.
    """
    first, group_bytes, pixel, *rest = target
    _, columns, count, masks, _ = rest
    is_single = builder.icmp_signed("==", count, I64(1))
    with builder.if_else(is_single) as (single, several):
        with single:
            # All planes see their pixels alike: one mask does for all.
            shift = load(builder, columns, I64, 8)
            place = builder.sub(pixel, shift)
            plane = builder.add(first, place)
            with loop(builder, I64(0), quads) as quad:
                bits = bits_of(quad)
                mask = load_lanes(builder, builder.add(masks, place), I8, bits.count)
                here = builder.add(plane, builder.mul(group_bytes, quad))
                store(builder, bits | mask, here)
        with several, loop(builder, I64(0), quads) as quad:
            here = builder.add(first, builder.mul(group_bytes, quad))
            emit_spread_one(builder, bits_of(quad), pixel, (here, *rest))


#: What follows the scale: nothing, ReLU, RPReLU, or a multiplier and an offset (a batch norm).
ACTIVATIONS = ("none", "relu", "rprelu", "affine")
#: Parameters of each, a value a channel.
PARAMETERS = {"none": 0, "relu": 0, "rprelu": 3, "affine": 2}


def emit_scale(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit ``activation(float32(count) * scale)``, stored in or added to a quad of rows of floats.

    Every operation rounds to float32, as NumPy's do; nothing is fused.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the mismatches, uint16 (4, step); their step; address of
            the valid taps of the first pixel, int16; of the scales, float32 (4,); of the
            activation's parameters, float32 (parameters, quads, 4) from this quad on; bytes between
            these; index into `ACTIVATIONS`; whether to add; address of the first value of the
            result, float32; bytes between its rows; channels to write, 1 to 4; number of vectors.
    """
    mismatches, step, valid, *rest, vectors = arguments

    def read(channel: ir.Value, pixel: ir.Value, width: int) -> Lanes:
        row = address_at(builder, mismatches, builder.mul(step, channel), 2)
        wrong = load_lanes(builder, address_at(builder, row, pixel, 2), I16, width, 2)
        right = load_lanes(builder, address_at(builder, valid, pixel, 2), I16, width, 2)
        return right - (wrong + wrong)

    _emit_scaled(builder, isa, read, (*rest, vectors))


def emit_scale_sums(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit ``activation(float32(count) * scale)`` of one vector of pixels; see `emit_scale`.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the counts, int16 (channels, lanes); then as `emit_scale`
            from the scales to the channels, of which there may be any number.
    """
    counts, *rest = arguments

    def read(channel: ir.Value, pixel: ir.Value, width: int) -> Lanes:
        row = address_at(builder, counts, channel, 2 * isa.lanes)
        return load_lanes(builder, address_at(builder, row, pixel, 2), I16, width, 2)

    _emit_scaled(builder, isa, read, (*rest, I64(1)))


def _emit_scaled(builder: ir.IRBuilder, isa: Any, read: Any, arguments: Any) -> None:
    """Emit the loops for every activation, of which one runs."""
    activation, accumulate = arguments[3:5]
    for index, name in enumerate(ACTIVATIONS):
        with builder.if_then(builder.icmp_signed("==", activation, I64(index))):
            for adds in (False, True):
                with builder.if_then(builder.icmp_signed("==", accumulate, I64(int(adds)))):
                    _emit_scaled_rows(builder, isa, read, arguments, (name, adds))


def _emit_scaled_rows(
    builder: ir.IRBuilder, isa: Any, read: Any, arguments: Any, kind: Any
) -> None:
    """Emit the loops of one activation."""
    activation, adds = kind
    scales, parameters, parameter_row = arguments[:3]
    out, row_bytes, channels, vectors = arguments[5:]
    # Four times as many bytes as lanes: floats go by quarter vectors, to stay in registers.
    width = isa.lanes // 4
    with loop(builder, I64(0), channels) as k:
        scale = _splat_float(builder, scales, k, width)
        rows = [
            builder.add(parameters, builder.mul(parameter_row, I64(index)))
            for index in range(PARAMETERS[activation])
        ]
        values = [_splat_float(builder, row, k, width) for row in rows]
        out_row = builder.add(out, builder.mul(row_bytes, k))
        with loop(builder, I64(0), builder.mul(vectors, I64(4))) as part:
            pixel = builder.mul(part, I64(width))
            value = read(k, pixel, width).widen_signed(I32).to_float() * scale
            if activation == "relu":
                value = value.float_above(0.0).choose(value, zeros(builder, F32, width))
            elif activation == "rprelu":
                shifted = value - values[0]
                value = shifted.float_at_least(0.0).choose(shifted, shifted * values[1])
                value = value + values[2]
            elif activation == "affine":
                value = value * values[0] + values[1]
            target = address_at(builder, out_row, pixel, 4)
            if adds:
                value = load_lanes(builder, target, F32, width, 4) + value
            store(builder, value, target, 4)


def _splat_float(builder: ir.IRBuilder, address: Any, index: Any, width: Any) -> Lanes:
    return broadcast(builder, load(builder, address_at(builder, address, index, 4), F32, 4), width)


def emit_spread_one(
    builder: ir.IRBuilder, bits: Lanes, pixel: ir.Value, target: tuple[ir.Value, ...]
) -> None:
    """Write one vector of pixels into the planes of all columns of its group.

    Args:
        builder: Where.
        bits: uint8, the bits of the pixels.
        pixel: int64, the first of them.
        target: int64 each: address of pixel 0 in the first column's plane, bytes between planes,
            address of the columns (int64), their number, address of pixel 0 in the first column's
            mask, bytes between masks.
    """
    first, plane_bytes, columns, count, masks, mask_bytes = target
    with loop(builder, I64(0), count) as index:
        shift = load(builder, address_at(builder, columns, index, 8), I64, 8)
        place = builder.sub(pixel, shift)
        mask = builder.add(builder.add(masks, builder.mul(index, mask_bytes)), place)
        plane = builder.add(builder.add(first, builder.mul(index, plane_bytes)), place)
        store(builder, bits | load_lanes(builder, mask, I8, bits.count), plane)


def emit_spread(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the copy of vectors of bits into the planes of their group.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the bits, uint8; the pixel that they begin at; number of
            vectors; then as `emit_spread_one`.
    """
    source, start, vectors, *target = arguments
    with loop(builder, I64(0), vectors) as vector:
        offset = builder.mul(vector, I64(isa.lanes))
        bits = load_lanes(builder, builder.add(source, offset), I8, isa.lanes)
        emit_spread_one(builder, bits, builder.add(start, offset), tuple(target))


def emit_stage(builder: ir.IRBuilder, isa: Isa, arguments: list[ir.Value]) -> None:
    """Emit the copy of a plane of bytes of eight channels into the planes of its two groups.

    Args:
        builder: Where.
        isa: The instruction set.
        arguments: int64 each: address of the source, uint8; its pixels, at least a vector; address
            of pixel 0 in the first column's plane of the low group; the same of the high group, or
            0 where there is none; then as `emit_spread_one` from the bytes between planes on.
    """
    source, pixels, low, high, *target = arguments
    lanes = I64(isa.lanes)
    vectors = builder.udiv(builder.add(pixels, I64(isa.lanes - 1)), lanes)
    last = builder.sub(pixels, lanes)
    with loop(builder, I64(0), vectors) as vector:
        pixel = builder.mul(vector, lanes)
        # The last vector overlaps the one before it: nothing beyond the source may be read.
        pixel = builder.select(builder.icmp_signed("<", last, pixel), last, pixel)
        bits = load_lanes(builder, builder.add(source, pixel), I8, isa.lanes)
        emit_spread_one(builder, bits & 15, pixel, (low, *target))
        with builder.if_then(builder.icmp_signed("!=", high, I64(0))):
            emit_spread_one(builder, bits.high_nibbles(), pixel, (high, *target))
