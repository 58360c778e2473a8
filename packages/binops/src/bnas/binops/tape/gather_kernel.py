"""What the taps of a real convolution see, in planes: the first half of REAL_CONV.

There is a plane for every channel and every *horizontal* position of a tap: its rows are as long
as the output's, without gaps, and hold what that tap sees; with a vertical stride they are dealt
out in turn, so that rows of outputs that follow each other read rows that do. So any vertical tap
of a vector of output pixels is one load at an offset, and a 3x3 kernel copies a pixel three times,
not nine.
"""

from __future__ import annotations

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import copy_floats, halve_floats
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.views import floats_at, longs_at


@kernel()
def _deal(tag, record, line, place, odd):
    """Write what one row shows to each horizontal tap into that tap's plane.

    With a stride of 2 what the right neighbour sees comes for nothing; it goes to `odd` where
    there is no such tap.
    """
    size = 4 * record.out_width
    tap = 0
    while tap < record.kernel:
        seen = line + 4 * tap * record.dilation
        plane = place + tap * record.plane_bytes
        tap += 1
        if record.stride == 1:
            copy_floats(tag, seen, plane, size)
        elif record.stride == 2 and record.dilation == 1 and tap < record.kernel:
            halve_floats(tag, seen, plane, plane + record.plane_bytes, size)
            tap += 1
        elif record.stride == 2:
            halve_floats(tag, seen, plane, odd, size)
        else:
            pixels = floats_at(seen, (record.out_width - 1) * record.stride + 1)
            values = floats_at(plane, record.out_width)
            for x in range(record.out_width):
                values[x] = pixels[x * record.stride]


@kernel()
def gather(tag, bases, record, source, y):
    """Fill the planes of one group's channels for some rows of outputs.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.REAL_CONV`.
        source: Address of the group's first channel.
        y: The first of the rows of outputs.
    """
    rows = longs_at(resolve(bases, record.rows_at), record.plane_rows)
    line, zeros = resolve(bases, record.line_at), resolve(bases, record.zeros_at)
    planes, odd = resolve(bases, record.planes_at), resolve(bases, record.odd_at)
    border = 4 * record.padding
    if border > 0:
        copy_floats(tag, zeros, line, border)
    for channel in range(record.in_channels // record.groups):
        place = planes + channel * record.kernel * record.plane_bytes
        for index in range(record.plane_rows):
            row = y * record.stride + rows[index]
            seen = zeros
            if 0 <= row < record.height:
                seen = source + channel * record.source_row + 4 * row * record.width
                if border > 0:
                    copy_floats(tag, seen, line + border, 4 * record.width)
                    copy_floats(tag, zeros, line + border + 4 * record.width, border)
                    seen = line
            # Rows are written in ascending order: a vector that hangs over is put right by the
            # next, and what lies behind a plane is spare.
            _deal(tag, record, seen, place + 4 * index * record.out_width, odd)
