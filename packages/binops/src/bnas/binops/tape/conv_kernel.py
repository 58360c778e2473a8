"""CONV: a binary convolution from planes, with everything that is made of its counts.

A tile is a quad of output channels by some vectors of pixels: of one image, or, where an image is
no longer than a vector, one vector each of several images. While its counts are in the cache, every
epilogue runs over them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops.jit import kernel
from bnas.binops.table.emitters import QUAD
from bnas.binops.table.intrinsics import scale, threshold
from bnas.binops.table.quads import (
    MAX_VECTORS,
    count_quad,
    most_vectors,
)
from bnas.binops.table.tile import LOOKUPS_A_SUM
from bnas.binops.tape.pack_kernel import pack_quad, spread_quad
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.records import Sink
from bnas.binops.tape.views import bytes_at, counts_at, floats_at, ints_at, longs_at, shorts_at

_PLANES, _BYTES, _COUNTS, _FLOATS, _STREAM = (int(sink) for sink in Sink)


@kernel(inline=True)
def _write_bytes(
    bases: Any, epilogue: Any, image: Any, first: Any, pixel: Any, bits: Any, length: Any
) -> None:
    """Put the bits of a quad into the lower or upper half of the bytes of eight channels."""
    place = resolve(bases, epilogue.target_at) + image * epilogue.target_step
    target = bytes_at(place + (first >> 3) * epilogue.row + pixel, length)
    if first % 8 == 4:
        for p in range(length):
            target[p] |= bits[p] << np.uint8(4)
    else:
        for p in range(length):
            target[p] = bits[p]


@kernel()
def _write_numbers(
    bases: Any, epilogue: Any, image: Any, channel: Any, weight: Any, pixel: Any, missed: Any,
    valid: Any,
) -> None:  # fmt: skip
    """Write the counts of one channel, or floats made of them, to rows of any length."""
    length = missed.shape[0]
    row = resolve(bases, epilogue.target_at) + image * epilogue.target_step
    row += channel * epilogue.row + 4 * pixel
    if epilogue.sink == _COUNTS:
        counts = ints_at(row, length)
        for p in range(length):
            wrong = np.int32(missed[p])
            counts[p] = np.int32(valid[p]) - wrong - wrong
        return
    floats = floats_at(row, length)
    for p in range(length):
        wrong = np.int32(missed[p])
        value = np.float32(np.int32(valid[p]) - wrong - wrong) * weight
        if epilogue.relu and not value > 0:
            value = np.float32(0)
        if epilogue.accumulate:
            value = floats[p] + value
        floats[p] = value


@kernel(inline=True)
def _write_stream(
    tag: Any, bases: Any, record: Any, epilogue: Any, records: Any, place: Any, acc: Any, step: Any,
    bits: Any,
) -> None:  # fmt: skip
    """Add the floats of a quad to rows of whole vectors, and pack these for their readers."""
    readers, planes = records
    quad, image, pixel, vectors, first, channels = place
    target = resolve(bases, epilogue.target_at) + image * epilogue.target_step
    values = target + first * epilogue.row + 4 * pixel
    scale(
        tag,
        acc,
        step,
        resolve(bases, record.valid_at) + 2 * pixel,
        resolve(bases, epilogue.scale_at) + 16 * quad,
        resolve(bases, epilogue.parameters_at) + 16 * quad,
        16 * record.quads,
        epilogue.relu,
        epilogue.accumulate,
        values,
        epilogue.row,
        channels,
        vectors,
    )
    for index in range(epilogue.first_reader, epilogue.first_reader + epilogue.readers):
        pack_quad(
            tag,
            bases,
            readers[index],
            planes,
            values,
            epilogue.row,
            channels,
            image,
            quad,
            pixel,
            vectors,
            bits,
        )


@kernel(inline=True)
def write_bits(
    tag: Any, bases: Any, record: Any, epilogue: Any, planes: Any, place: Any, bits: Any
) -> None:
    """Put the bits of one quad of one image where an epilogue wants them.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: The convolution.
        epilogue: `bnas.binops.tape.records.EPILOGUE`, of planes or bytes.
        planes: All PLANES records.
        place: Quad, image, first pixel, vectors of pixels, first channel, channels.
        bits: uint8, a byte a pixel.
    """
    quad, image, pixel, vectors, first, _ = place
    if epilogue.sink == _PLANES:
        target = planes[epilogue.planes]
        spread_quad(tag, bases, target, image, quad, bits.ctypes.data, pixel, vectors)
    else:
        length = min(vectors * tag.lanes, record.pixels - pixel)
        _write_bytes(bases, epilogue, image, first, pixel, bits, length)


@kernel(inline=True)
def finish(
    tag: Any, bases: Any, record: Any, epilogue: Any, records: Any, place: Any, acc: Any, step: Any,
    bits: Any,
) -> None:  # fmt: skip
    """Run one epilogue over the counts of one quad of one image.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: The convolution.
        epilogue: `bnas.binops.tape.records.EPILOGUE`.
        records: All READER records, all PLANES records.
        place: Quad, image, first pixel, vectors of pixels, first channel, channels.
        acc: Address of the mismatches, uint16 (4, step).
        step: Elements between their rows.
        bits: uint8 scratch, at least as many as pixels.
    """
    quad, image, pixel, vectors, first, channels = place
    length = min(vectors * tag.lanes, record.pixels - pixel)
    valid = resolve(bases, record.valid_at) + 2 * pixel
    if epilogue.sink == _PLANES or epilogue.sink == _BYTES:
        threshold(
            tag,
            acc,
            step,
            valid,
            resolve(bases, epilogue.limits_at) + 8 * quad,
            resolve(bases, epilogue.flips_at) + quad,
            bits.ctypes.data,
            vectors,
        )
        write_bits(tag, bases, record, epilogue, records[1], place, bits)
    elif epilogue.sink == _STREAM:
        _write_stream(tag, bases, record, epilogue, records, place, acc, step, bits)
    else:
        weights = floats_at(resolve(bases, epilogue.scale_at) + 16 * quad, channels)
        for k in range(channels):
            missed = counts_at(acc + 2 * k * step, length)
            weight = weights[k] if epilogue.sink == _FLOATS else np.float32(0)
            _write_numbers(
                bases, epilogue, image, first + k, weight, pixel, missed, shorts_at(valid, length)
            )


@kernel()
def _finish_tile(
    tag: Any, bases: Any, record: Any, records: Any, place: Any, acc: Any, together: Any, bits: Any
) -> None:
    """Run every epilogue over the counts of one quad, image by image."""
    epilogues, readers, planes = records
    quad, image, pixel, vectors = place
    channels = min(QUAD, record.out_channels - QUAD * quad)
    for index in range(together):
        here = (quad, image + index, pixel, vectors, QUAD * quad, channels)
        start = acc + 2 * index * tag.lanes
        step = MAX_VECTORS * tag.lanes
        for e in range(record.first_epilogue, record.first_epilogue + record.epilogues):
            others = (readers, planes)
            finish(tag, bases, record, epilogues[e], others, here, start, step, bits)


@kernel()
def run_conv(
    tag: Any, bases: Any, lut: Any, record: Any, quads: Any, records: Any, images: Any, bits: Any
) -> None:
    """Convolve the planes of some images.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        lut: Address of the look-up tables.
        record: `bnas.binops.tape.records.CONV`.
        quads: First quad of output channels, and the one after the last.
        records: All EPILOGUE records, all READER records, all PLANES records.
        images: Number of images.
        bits: uint8 scratch of `MAX_VECTORS` vectors.
    """
    acc = resolve(bases, record.scratch_at)
    tables, offsets = resolve(bases, record.tables_at), resolve(bases, record.taps_at)
    most = most_vectors(tag)
    taps = longs_at(resolve(bases, record.quad_taps_at), record.quads)
    image = 0
    while image < images:
        together = min(most if record.vectors == 1 else 1, images - image)
        source = resolve(bases, record.source_at) + image * record.source_step
        step = record.source_step if together > 1 else tag.lanes
        blocks = -(-record.vectors // most)
        vector = 0
        for block in range(blocks):
            vectors = -(-(record.vectors - vector) // (blocks - block))
            pixel = vector * tag.lanes
            for quad in range(quads[0], quads[1]):
                count_quad(
                    tag,
                    max(vectors, together),
                    lut,
                    tables + 4 * record.depth * quad,
                    source + pixel,
                    step,
                    offsets + 8 * record.depth * taps[quad],
                    record.depth // LOOKUPS_A_SUM,
                    acc,
                    MAX_VECTORS * tag.lanes,
                )
                here = (quad, image, pixel, vectors)
                _finish_tile(tag, bases, record, records, here, acc, together, bits)
            vector += vectors
        image += together
