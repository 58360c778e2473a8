"""What becomes of the counters of a bit-sliced convolution: bits, floats, or numbers."""

from __future__ import annotations

from typing import Any

from bnas.binops.jit import kernel
from bnas.binops.sliced.counting import PLANES
from bnas.binops.sliced.intrinsics import (
    pack_rows,
    read_numbers,
    read_sign_bytes,
    read_sums,
    scale_sums,
    write_signs,
)
from bnas.binops.sliced.logic import PIXELS, WORD_BYTES, WORDS
from bnas.binops.table.emitters import QUAD
from bnas.binops.tape.conv_kernel import finish
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.records import Reading, Sink
from bnas.binops.tape.views import bytes_at

_BYTES = int(Sink.BYTES)
_SIGNS, _SUMS = int(Reading.SIGNS), int(Reading.SUMS)


@kernel(inline=True)
def _target(bases: Any, planes: Any, image: Any, quad: Any, pixel: Any) -> Any:
    """Where the bits of some quads go, as `emit_spread_quads` takes it."""
    return (
        resolve(bases, planes.at) + image * planes.step + quad * planes.group_bytes,
        planes.group_bytes,
        pixel,
        planes.plane_bytes,
        resolve(bases, planes.columns_at),
        planes.columns,
        resolve(bases, planes.masks_at),
        planes.mask_bytes,
    )


@kernel(inline=True)
def _write_bytes(
    tag: Any, bases: Any, record: Any, epilogue: Any, place: Any, top: Any, bits: Any
) -> None:
    """Write the bits of some octets as bytes of eight channels."""
    octet, count, image, block = place
    pixel = block * PIXELS
    length = min(PIXELS, record.pixels - pixel)
    target = resolve(bases, epilogue.target_at) + image * epilogue.target_step + pixel
    for k in range(count):
        flips = resolve(bases, epilogue.flips_at) + 2 * (octet + k)
        is_whole = 1 if 2 * (octet + k) + 1 < record.quads else 0
        out = target + (octet + k) * epilogue.row
        plane = top + k * PLANES * PIXELS
        if length == PIXELS:
            read_sign_bytes(tag, plane, flips, is_whole, out)
        else:
            read_sign_bytes(tag, plane, flips, is_whole, bits.ctypes.data)
            bytes_at(out, length)[:] = bits[:length]


@kernel(inline=True)
def _write_bits(
    tag: Any, bases: Any, record: Any, epilogue: Any, planes: Any, place: Any, bits: Any
) -> None:
    """Write the top bits of the counters of some octets."""
    octet, count, image, block = place
    top = resolve(bases, record.counters_at) + (record.planes - 1) * PIXELS
    if epilogue.sink == _BYTES:
        _write_bytes(tag, bases, record, epilogue, place, top, bits)
        return
    write_signs(
        tag,
        top,
        PLANES * PIXELS,
        min(2 * count, record.quads - 2 * octet),
        resolve(bases, epilogue.flips_at) + 2 * octet,
        _target(bases, planes[epilogue.planes], image, 2 * octet, block * PIXELS),
    )


@kernel(inline=True)
def _write_streams(tag: Any, bases: Any, record: Any, records: Any, place: Any) -> None:
    """Add the floats of some octets to rows of whole vectors, and pack these for their readers."""
    octet, count, image, block = place
    epilogues, readers, planes = records
    sums = resolve(bases, record.scratch_at)
    pixel, channel = block * PIXELS, WORDS * octet
    channels = min(WORDS * count, record.out_channels - channel)
    read_sums(
        tag,
        resolve(bases, record.counters_at),
        PLANES * PIXELS,
        (channels + QUAD - 1) // QUAD,
        record.planes,
        record.length,
        sums,
    )
    for e in range(record.first_epilogue, record.first_epilogue + record.epilogues):
        epilogue = epilogues[e]
        target = resolve(bases, epilogue.target_at) + image * epilogue.target_step
        values = target + channel * epilogue.row + 4 * pixel
        scale_sums(
            tag,
            sums,
            resolve(bases, epilogue.scale_at) + 4 * channel,
            resolve(bases, epilogue.parameters_at) + 4 * channel,
            16 * record.quads,
            epilogue.relu,
            epilogue.accumulate,
            values,
            epilogue.row,
            channels,
        )
        for index in range(epilogue.first_reader, epilogue.first_reader + epilogue.readers):
            reader = readers[index]
            quad = channel // QUAD
            pack_rows(
                tag,
                values,
                epilogue.row,
                channels,
                resolve(bases, reader.thresholds_at) + 4 * channel,
                resolve(bases, reader.flips_at) + quad,
                _target(bases, planes[reader.planes], image, quad, pixel),
            )


@kernel(inline=True)
def _write_numbers(tag: Any, bases: Any, record: Any, records: Any, place: Any, bits: Any) -> None:
    """Run the epilogues over the numbers in the counters of some octets."""
    octet, count, image, block = place
    epilogues, readers, planes = records
    acc = resolve(bases, record.scratch_at)
    counters = resolve(bases, record.counters_at)
    pixel = block * PIXELS
    for k in range(min(2 * count, record.quads - 2 * octet)):
        quad = 2 * octet + k
        lanes = counters + k // 2 * PLANES * PIXELS + k % 2 * QUAD * WORD_BYTES
        read_numbers(tag, lanes, record.planes, acc, PIXELS)
        channels = min(QUAD, record.out_channels - QUAD * quad)
        here = (quad, image, pixel, 1, QUAD * quad, channels)
        for e in range(record.first_epilogue, record.first_epilogue + record.epilogues):
            others = (readers, planes)
            finish(tag, bases, record, epilogues[e], others, here, acc, PIXELS, bits)


@kernel(inline=True)
def write_results(tag: Any, bases: Any, record: Any, records: Any, place: Any, bits: Any) -> None:
    """Run the epilogues over the counters of some octets.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.SLICED_CONV`.
        records: All EPILOGUE records, all READER records, all PLANES records.
        place: First octet, octets, image, block of pixels.
        bits: uint8 scratch of at least a vector.
    """
    if record.reading == _SUMS:
        _write_streams(tag, bases, record, records, place)
    elif record.reading == _SIGNS:
        epilogue = records[0][record.first_epilogue]
        _write_bits(tag, bases, record, epilogue, records[2], place, bits)
    else:
        _write_numbers(tag, bases, record, records, place, bits)
