"""STAGE: bits of images, as `pack` makes them, copied into planes."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import stage
from bnas.binops.table.planes import PADDING
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.views import bytes_at, longs_at


@kernel()
def _stage_rows(
    record: Any, source: Any, shift: Any, group: Any, target: Any, columns: Any
) -> None:
    """Copy one nibble of a plane of bytes, pixel by pixel: any stride, any width."""
    for row in range(record.height):
        turn, phase = divmod(row, record.stride_height)
        line = source[row * record.in_width : (row + 1) * record.in_width]
        for index in range(record.columns):
            plane = (phase * record.groups + group) * record.columns + index
            place = plane * record.plane_bytes + record.start + turn * record.width
            position = columns[index]
            for x in range(record.width):
                if 0 <= position < record.in_width:
                    target[place + x] = (line[position] >> np.uint8(shift)) & np.uint8(15)
                position += record.stride_width


@kernel()
def _stage_plain(
    tag: Any, bases: Any, record: Any, source: Any, first: Any, has_high: Any, target: Any,
    spare: Any,
) -> None:  # fmt: skip
    """Copy a plane of bytes into the shifted copies of its one or two groups."""
    group_bytes = record.columns * record.plane_bytes
    pixels = record.height * record.in_width
    if pixels < tag.lanes:
        # The lanes that hang over are masked, but they must be there to be read.
        spare[:pixels] = bytes_at(source, pixels)
        source, pixels = spare.ctypes.data, tag.lanes
    low = target + first * group_bytes + record.start
    high = low + group_bytes if has_high else 0
    stage(
        tag,
        source,
        pixels,
        low,
        high,
        record.plane_bytes,
        resolve(bases, record.columns_at),
        record.columns,
        resolve(bases, record.masks_at),
        record.mask_bytes,
    )


@kernel()
def run_stage(tag: Any, bases: Any, record: Any, images: Any, spare: Any) -> None:
    """Copy the bits of some images into their planes.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.STAGE`.
        images: Number of images.
        spare: uint8, at least a vector, of any content.
    """
    pixels = record.height * record.in_width
    columns = longs_at(resolve(bases, record.columns_at), record.columns)
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        planes = bytes_at(target, record.image_bytes)
        planes[:] = np.uint8(PADDING)
        for byte in range(record.channel_groups * record.bytes_a_group):
            group, part = divmod(byte, record.bytes_a_group)
            first = group * record.parts + 2 * part
            has_high = 2 * part + 1 < record.parts
            here = source + byte * pixels
            if record.masks_at != 0:
                _stage_plain(tag, bases, record, here, first, has_high, target, spare)
            else:
                line = bytes_at(here, pixels)
                _stage_rows(record, line, 0, first, planes, columns)
                if has_high:
                    _stage_rows(record, line, 4, first + 1, planes, columns)
