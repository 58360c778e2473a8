"""POOL_BITS, RESTAGE and UNPACK: bits that move without being counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import copy_row, halve_row
from bnas.binops.table.planes import PADDING
from bnas.binops.table.rows import STEP
from bnas.binops.tape.float_kernels import taps_inside
from bnas.binops.tape.pack_kernel import spread_quad
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.views import bytes_at, floats_at, longs_at

#: Pixels of padding around a row that is being copied.
_FRAME = 32


@kernel()
def _pool_group(record: Any, source: Any, invert: Any, target: Any) -> None:
    """Pool the bits of four channels."""
    width, stride = record.width, record.stride
    for y in range(record.out_height):
        top = y * stride - record.padding
        line = target[y * record.out_width : (y + 1) * record.out_width]
        line[:] = np.uint8(0)
        rows = taps_inside(top, record.height, record.kernel, record.dilation)
        for tap_row in range(rows[0], rows[1]):
            row = top + tap_row * record.dilation
            for tap in range(record.kernel):
                shift = tap * record.dilation - record.padding
                first = max(0, -(shift // stride))
                last = min(record.out_width, (width - 1 - shift) // stride + 1)
                for x in range(first, last):
                    line[x] |= source[row * width + x * stride + shift] ^ invert
        for x in range(record.out_width):
            line[x] ^= invert


@kernel()
def run_pool_bits(tag: Any, bases: Any, record: Any, planes: Any, images: Any) -> None:
    """Take the maximum of bits, or the minimum where they are inverted.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.POOL_BITS`.
        planes: All PLANES records.
        images: Number of images.
    """
    inverts = bytes_at(resolve(bases, record.inverts_at), record.groups)
    scratch = resolve(bases, record.scratch_at)
    pooled = bytes_at(scratch, record.out_height * record.out_width)
    target = planes[record.planes]
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        for group in range(record.groups):
            place = source + group * record.source_group_bytes
            pixels = bytes_at(place, record.height * record.width)
            _pool_group(record, pixels, inverts[group], pooled)
            spread_quad(tag, bases, target, image, group, scratch, 0, record.vectors)


@kernel()
def _restage_halves(
    tag: Any, record: Any, place: Any, group: Any, columns: Any, target: Any, halves: Any
) -> None:
    """Copy one group with a horizontal stride of 2: even and odd pixels, each in a frame."""
    half = halves.shape[0] // 2
    even, odd = halves.ctypes.data + _FRAME, halves.ctypes.data + half + _FRAME
    width = (record.in_width + 1) // 2
    for row in range(record.height):
        turn, phase = divmod(row, record.stride_height)
        halve_row(tag, place + row * record.in_width, even, odd, width)
        halves[_FRAME + width : half] = np.uint8(PADDING)
        halves[half + _FRAME + record.in_width // 2 :] = np.uint8(PADDING)
        for index in range(record.columns):
            plane = (phase * record.groups + group) * record.columns + index
            start = plane * record.plane_bytes + record.start + turn * record.width
            skip, is_odd = divmod(columns[index], 2)
            copy_row(tag, (odd if is_odd else even) + skip, target + start, record.width)
            if row + record.stride_height >= record.height:
                # What the copy of a last row wrote too much is padding, not the next row's.
                bytes_at(target + start + record.width, STEP)[:] = np.uint8(PADDING)


@kernel()
def _restage_pixels(record: Any, place: Any, group: Any, columns: Any, target: Any) -> None:
    """Copy one group pixel by pixel: any stride."""
    for row in range(record.height):
        turn, phase = divmod(row, record.stride_height)
        line = bytes_at(place + row * record.in_width, record.in_width)
        for index in range(record.columns):
            plane = (phase * record.groups + group) * record.columns + index
            start = plane * record.plane_bytes + record.start + turn * record.width
            out = bytes_at(target + start, record.width)
            shift, stride = columns[index], record.stride_width
            first = max(0, -(shift // stride))
            last = min(record.width, (record.in_width - 1 - shift) // stride + 1)
            for x in range(first, last):
                out[x] = line[x * stride + shift]


@kernel()
def run_restage(tag: Any, bases: Any, record: Any, images: Any) -> None:
    """Copy planes into those of another layout.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.RESTAGE`.
        images: Number of images.
    """
    columns = longs_at(resolve(bases, record.columns_at), record.columns)
    halves = bytes_at(resolve(bases, record.halves_at), 2 * (record.in_width + 4 * _FRAME))
    halves[:] = np.uint8(PADDING)
    # Rows of the output reach at most a frame beyond the image.
    reach = record.width + max(abs(columns[0]), abs(columns[record.columns - 1]))
    by_halves = record.stride_width == 2 and reach <= record.in_width // 2 + _FRAME
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        for group in range(record.groups):
            place = source + group * record.source_group_bytes
            if by_halves:
                _restage_halves(tag, record, place, group, columns, target, halves)
            else:
                _restage_pixels(record, place, group, columns, target)


@kernel()
def run_unpack(bases: Any, record: Any, images: Any) -> None:
    """Turn bits into rows of +1 and -1.

    Args:
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.UNPACK`.
        images: Number of images.
    """
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        for channel in range(record.channels):
            group, bit = divmod(channel, 4)
            bits = bytes_at(source + group * record.group_bytes, record.pixels)
            values = floats_at(target + channel * record.row, record.pixels)
            for p in range(record.pixels):
                one = (bits[p] >> np.uint8(bit)) & np.uint8(1)
                values[p] = np.float32(1) if one else np.float32(-1)
