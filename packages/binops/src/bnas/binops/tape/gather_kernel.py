"""What the taps of a real convolution see, in planes: the first half of REAL_CONV.

There is a plane for every channel and every *horizontal* position of a tap: its rows are as long
as the output's, without gaps, and hold what that tap sees; with a vertical stride they are dealt
out in turn, so that rows of outputs that follow each other read rows that do. So any vertical tap
of a vector of output pixels is one load at an offset, and a 3x3 kernel copies a pixel three times,
not nine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import copy_rows, halve_rows, take_rows
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.views import floats_at, longs_at


@kernel()
def _skip_rows(record: Any, source: Any, target: Any, width: Any, count: Any) -> None:
    """Copy pixels that are more than two apart."""
    for y in range(count):
        pixels = floats_at(source + 4 * y * record.stride * record.width, width * record.stride)
        values = floats_at(target + 4 * y * record.out_width, width)
        for x in range(width):
            values[x] = pixels[x * record.stride]


@kernel()
def _deal(tag: Any, record: Any, inside: Any, row: Any, plane: Any, count: Any) -> None:
    """Write what rows of the image show to each horizontal tap into that tap's plane.

    Rows may hang over by a vector, which the next one puts right; what lies behind a plane is
    spare. With a stride of 2, two taps take turns if they begin at the same pair of pixels.
    """
    width, stride = record.out_width, record.stride
    steps = (4 * stride * record.width, 4 * width)
    tap = 0
    while tap < record.kernel:
        first, after = inside[2 * tap], inside[2 * tap + 1]
        column = tap * record.dilation - record.padding
        seen = row + 4 * (first * stride + column)
        place, size = plane + tap * record.plane_bytes + 4 * first, 4 * (after - first)
        tap += 1
        if stride == 1:
            copy_rows(tag, seen, place, steps[0], steps[1], size, count)
        elif stride > 2:
            _skip_rows(record, seen, place, after - first, count)
        elif record.dilation == 1 and column % 2 == 0 and tap < record.kernel:
            other = place + record.plane_bytes
            halve_rows(tag, seen, place, other, steps[0], steps[1], size, count)
            tap += 1
        else:
            take_rows(tag, seen, place, steps[0], steps[1], size, count)


@kernel()
def _blank(record: Any, plane: Any, columns: Any, rows: Any) -> None:
    """Set some columns of a plane's rows to 0."""
    values = floats_at(plane, rows * record.out_width)
    for x in range(columns[0], columns[1]):
        for row in range(rows):
            values[row * record.out_width + x] = np.float32(0)


@kernel()
def _blank_edges(record: Any, inside: Any, plane: Any, rows: Any) -> None:
    """Set what lies to the left and right of the image to 0, in the planes of all taps."""
    for tap in range(record.kernel):
        place = plane + tap * record.plane_bytes
        _blank(record, place, (0, inside[2 * tap]), rows)
        _blank(record, place, (inside[2 * tap + 1], record.out_width), rows)


@kernel()
def gather(tag: Any, bases: Any, record: Any, source: Any, y: Any) -> None:
    """Fill the planes of one group's channels for some rows of outputs.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.REAL_CONV`.
        source: Address of the group's first channel.
        y: The first of the rows of outputs.
    """
    parts = longs_at(resolve(bases, record.parts_at), 3 * record.parts)
    inside = longs_at(resolve(bases, record.inside_at), 2 * record.kernel)
    height, stride, size = record.height, record.stride, 4 * record.out_width
    for part in range(record.parts):
        start, rows, top = parts[3 * part], parts[3 * part + 1], parts[3 * part + 2]
        # Rows of the part that are inside the image.
        top += y * stride
        first = min(rows, max(0, -(top // stride)))
        after = max(first, min(rows, -((top - height) // stride)))
        row = source + 4 * (top + first * stride) * record.width
        plane = resolve(bases, record.planes_at) + start * size
        for _ in range(record.in_channels // record.groups):
            _deal(tag, record, inside, row, plane + first * size, after - first)
            if record.padding > 0:
                _blank_edges(record, inside, plane, rows)
            if after - first < rows:
                for tap in range(record.kernel):
                    place = plane + tap * record.plane_bytes
                    floats_at(place, first * record.out_width)[:] = np.float32(0)
                    floats_at(place + after * size, (rows - after) * record.out_width)[:] = 0
            row += record.source_row
            plane += record.kernel * record.plane_bytes
