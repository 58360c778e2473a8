"""REAL_CONV: a convolution with real weights, as a blocked product.

What the taps show to some rows of outputs is gathered into panels: a panel holds a few vectors of
pixels, one row a tap. Then every block of output channels, whose weights stay in the cache, runs
over all panels, its sums in registers for the whole depth.

Measured on one core of a Zen 5 with AVX-512, multiply-adds a cycle for the two 2x2 skips of
BNAS-Mini, of 32 at most: 25 and 27 as it is; 22 and 26 with weights that are read again for every
panel, and pixels gathered one by one.
"""

from __future__ import annotations

import numpy as np

from bnas.binops.portable.jit import kernel
from bnas.binops.table.intrinsics import copy_floats, halve_floats, product
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.views import floats_at

#: Most vectors of a panel: with 4 rows 12 sums, which 16 registers hold beside the operands.
PANEL_VECTORS = 3


@kernel()
def rows_of(tag):
    """Output channels of a block."""
    return 8 if tag.lanes == 64 else 4


@kernel()
def _pad(source, row, record, padded):
    """Copy the channels into a frame of zeros."""
    width = record.width + 2 * record.padding
    plane = (record.height + 2 * record.padding) * width
    padded[:] = np.float32(0)
    for channel in range(record.in_channels):
        values = floats_at(source + channel * row, record.height * record.width)
        for y in range(record.height):
            start = channel * plane + (y + record.padding) * width + record.padding
            line = values[y * record.width : (y + 1) * record.width]
            padded[start : start + record.width] = line


@kernel()
def _take_tap(tag, record, source, frame_width, tap, rows, line):
    """Put what one tap sees, for some rows of outputs, into a line without gaps."""
    ky, kx = tap
    width = record.out_width
    odd = line + 4 * (record.out_width * (rows[1] - rows[0]) + 64)
    for y in range(rows[0], rows[1]):
        row = y * record.stride + ky * record.dilation
        place = source + 4 * (row * frame_width + kx * record.dilation)
        target = line + 4 * (y - rows[0]) * width
        if record.stride == 1:
            copy_floats(tag, place, target, 4 * width)
        elif record.stride == 2:
            halve_floats(tag, place, target, odd, 4 * width)
        else:
            pixels = floats_at(place, (width - 1) * record.stride + 1)
            values = floats_at(target, width)
            for x in range(width):
                values[x] = pixels[x * record.stride]


@kernel()
def _fill_panels(tag, record, source, channel_floats, frame_width, group, rows, line, panels):
    """Gather some rows of outputs into panels."""
    step = tag.lanes // 4
    count = (rows[1] - rows[0]) * record.out_width
    vectors = -(-count // step)
    channels = record.in_channels // record.groups
    k = 0
    for channel in range(group * channels, (group + 1) * channels):
        plane = source + 4 * channel * channel_floats
        for ky in range(record.kernel):
            for kx in range(record.kernel):
                _take_tap(tag, record, plane, frame_width, (ky, kx), rows, line)
                blocks = -(-vectors // PANEL_VECTORS)
                vector = 0
                for block in range(blocks):
                    taken = -(-(vectors - vector) // (blocks - block))
                    place = panels + 4 * step * (vector * record.depth + k * taken)
                    copy_floats(tag, line + 4 * step * vector, place, 4 * step * taken)
                    vector += taken
                k += 1


@kernel()
def _product_rows(tag, vectors, weights, panel, depth, bias, floor, out, row):
    """Multiply one block of output channels with one panel."""
    if tag.lanes == 64:
        if vectors == 1:
            product(tag, 8, 1, weights, panel, depth, bias, floor, out, row)
        elif vectors == 2:
            product(tag, 8, 2, weights, panel, depth, bias, floor, out, row)
        else:
            product(tag, 8, 3, weights, panel, depth, bias, floor, out, row)
    elif vectors == 1:
        product(tag, 4, 1, weights, panel, depth, bias, floor, out, row)
    elif vectors == 2:
        product(tag, 4, 2, weights, panel, depth, bias, floor, out, row)
    else:
        product(tag, 4, 3, weights, panel, depth, bias, floor, out, row)


@kernel()
def _multiply(tag, bases, record, group, count, panels, target):
    """Multiply all output channels of one group with all panels."""
    step = tag.lanes // 4
    vectors = -(-count // step)
    height = rows_of(tag)
    outputs = record.out_channels // record.groups
    blocks = -(-outputs // height)
    tile, floor = resolve(bases, record.tile_at), resolve(bases, record.floor_at)
    for block in range(blocks):
        index = group * blocks + block
        weights = resolve(bases, record.weights_at) + 4 * index * height * record.depth
        bias = resolve(bases, record.bias_at) + 4 * index * height
        used = min(height, outputs - block * height)
        first = target + (group * outputs + block * height) * record.target_row
        parts = -(-vectors // PANEL_VECTORS)
        vector = 0
        for part in range(parts):
            taken = -(-(vectors - vector) // (parts - part))
            panel = panels + 4 * step * vector * record.depth
            place = first + 4 * step * vector
            whole = used == height and (vector + taken) * step <= count
            if whole:
                row = record.target_row
                _product_rows(tag, taken, weights, panel, record.depth, bias, floor, place, row)
            else:
                row = 4 * step * taken
                _product_rows(tag, taken, weights, panel, record.depth, bias, floor, tile, row)
                length = min(step * taken, count - step * vector)
                for k in range(used):
                    values = floats_at(place + k * record.target_row, length)
                    values[:] = floats_at(tile + k * row, length)
            vector += taken


@kernel()
def run_real_conv(tag, bases, record, images):
    """Convolve floats.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.REAL_CONV`.
        images: Number of images.
    """
    frame_width = record.width + 2 * record.padding
    frame = (record.height + 2 * record.padding) * frame_width
    line, panels = resolve(bases, record.line_at), resolve(bases, record.panels_at)
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        channel_floats = record.source_row // 4
        if record.padding > 0:
            padded = resolve(bases, record.padded_at)
            whole = floats_at(padded, record.in_channels * frame)
            _pad(source, record.source_row, record, whole)
            source, channel_floats = padded, frame
        y = 0
        while y < record.out_height:
            rows = (y, min(record.out_height, y + record.rows_together))
            count = (rows[1] - y) * record.out_width
            place = target + 4 * y * record.out_width
            for group in range(record.groups):
                _fill_panels(
                    tag,
                    record,
                    source,
                    channel_floats,
                    frame_width,
                    group,
                    rows,
                    line,
                    panels,
                )
                _multiply(tag, bases, record, group, count, panels, place)
            y = rows[1]
