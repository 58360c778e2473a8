"""REAL_CONV: a convolution with real weights, as a blocked product.

What the taps show to some rows of outputs is gathered into panels: a panel holds a few vectors of
pixels, one row a tap. Then every block of output channels, whose weights stay in the cache, runs
over all panels, its sums in registers for the whole depth.

Measured on one core of a Zen 5 with AVX-512, multiply-adds a cycle for the two 2x2 skips of
BNAS-Mini, of 32 at most: 22 and 26 with weights that are read again for every panel and pixels
gathered one by one; 25 and 27 with blocks of 8 rows by 3 vectors.
"""

from __future__ import annotations

import numpy as np

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import copy_floats, halve_floats, product
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.views import floats_at


@kernel()
def rows_of(tag):
    """Output channels of a block."""
    return 6 if tag.lanes == 64 else 4


@kernel()
def panel_vectors(tag):
    """Most vectors of a panel: 12 sums fit 16 registers beside the operands, and 24 fit 32."""
    return 4 if tag.lanes == 64 else 3


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
def _take_tap(tag, record, plane, tap, rows, line, odd):
    """Put what one tap sees, for some rows of outputs, into a line without gaps.

    With a stride of 2 what its right neighbour sees goes to `odd`, for nothing more.
    """
    source, frame_width = plane
    ky, kx = tap
    width = record.out_width
    for y in range(rows[0], rows[1]):
        row = y * record.stride + ky * record.dilation
        place = source + 4 * (row * frame_width + kx * record.dilation)
        offset = 4 * (y - rows[0]) * width
        if record.stride == 1:
            copy_floats(tag, place, line + offset, 4 * width)
        elif record.stride == 2:
            halve_floats(tag, place, line + offset, odd + offset, 4 * width)
        else:
            pixels = floats_at(place, (width - 1) * record.stride + 1)
            values = floats_at(line + offset, width)
            for x in range(width):
                values[x] = pixels[x * record.stride]


@kernel()
def _fill_row(tag, line, k, depth, vectors, panels):
    """Deal a line out to the k-th rows of all panels."""
    step = tag.lanes // 4
    blocks = -(-vectors // panel_vectors(tag))
    vector = 0
    for block in range(blocks):
        taken = -(-(vectors - vector) // (blocks - block))
        place = panels + 4 * step * (vector * depth + k * taken)
        copy_floats(tag, line + 4 * step * vector, place, 4 * step * taken)
        vector += taken


@kernel()
def _fill_panels(tag, record, channels, group, rows, line, panels):
    """Gather some rows of outputs into panels."""
    source, channel_floats, frame_width = channels
    count = (rows[1] - rows[0]) * record.out_width
    vectors = -(-count // (tag.lanes // 4))
    odd = line + 4 * count + 4 * record.out_width + 2 * tag.lanes
    pairs = record.stride == 2 and record.dilation == 1
    each = record.in_channels // record.groups
    k = 0
    for channel in range(group * each, (group + 1) * each):
        plane = (source + 4 * channel * channel_floats, frame_width)
        for ky in range(record.kernel):
            kx = 0
            while kx < record.kernel:
                _take_tap(tag, record, plane, (ky, kx), rows, line, odd)
                _fill_row(tag, line, k, record.depth, vectors, panels)
                k += 1
                kx += 1
                if pairs and kx < record.kernel:
                    _fill_row(tag, odd, k, record.depth, vectors, panels)
                    k += 1
                    kx += 1


@kernel()
def depth_block(tag):
    """Taps that are summed at a time: so much of a panel stays in the first-level cache."""
    return 128 if tag.lanes == 64 else 256


@kernel()
def _product_rows(tag, vectors, weights, panel, depth, bias, floor, out, row):
    """Multiply one block of output channels with one panel."""
    if tag.lanes == 64:
        if vectors == 1:
            product(tag, 6, 1, weights, panel, depth, bias, floor, out, row)
        elif vectors == 2:
            product(tag, 6, 2, weights, panel, depth, bias, floor, out, row)
        elif vectors == 3:
            product(tag, 6, 3, weights, panel, depth, bias, floor, out, row)
        else:
            product(tag, 6, 4, weights, panel, depth, bias, floor, out, row)
    elif vectors == 1:
        product(tag, 4, 1, weights, panel, depth, bias, floor, out, row)
    elif vectors == 2:
        product(tag, 4, 2, weights, panel, depth, bias, floor, out, row)
    else:
        product(tag, 4, 3, weights, panel, depth, bias, floor, out, row)


@kernel()
def _multiply_panel(tag, bases, record, group, vectors, panel, place):
    """Multiply all output channels of one group with one panel."""
    step = tag.lanes // 4
    height = rows_of(tag)
    outputs = record.out_channels // record.groups
    blocks = -(-outputs // height)
    whole = outputs // height
    tile, floor = resolve(bases, record.tile_at), resolve(bases, record.floor_at)
    row, length = record.target_row, step * vectors
    weights = resolve(bases, record.weights_at) + 4 * group * blocks * height * record.depth
    bias = resolve(bases, record.bias_at) + 4 * group * blocks * height
    first = place + group * outputs * row
    k = 0
    while k < record.depth:
        taken = min(depth_block(tag), record.depth - k)
        # Weights lie in this order. Sums begin with the bias, or with what the taps before have
        # left; the last taps end them.
        start = bias if k == 0 else 0
        least = floor if k + taken == record.depth else resolve(bases, record.unbounded_at)
        for block in range(whole):
            _product_rows(
                tag,
                vectors,
                weights + 4 * height * (whole * k + block * taken),
                panel + 4 * length * k,
                taken,
                start + 4 * height * block if k == 0 else 0,
                least,
                first + block * height * row,
                row,
            )
        k += taken
    if whole < blocks:
        # The last block has fewer channels: behind its rows lie those of another value.
        here = weights + 4 * height * whole * record.depth
        start = bias + 4 * height * whole
        _product_rows(tag, vectors, here, panel, record.depth, start, floor, tile, 4 * length)
        for k in range(outputs - whole * height):
            values = floats_at(first + (whole * height + k) * row, length)
            values[:] = floats_at(tile + 4 * k * length, length)


@kernel()
def _multiply(tag, bases, record, group, count, panels, target):
    """Multiply all output channels of one group with all panels.

    The last vector may hang over: rows are whole vectors, and rows of outputs come in order.
    """
    step = tag.lanes // 4
    vectors = -(-count // step)
    parts = -(-vectors // panel_vectors(tag))
    vector = 0
    for part in range(parts):
        taken = -(-(vectors - vector) // (parts - part))
        panel = panels + 4 * step * vector * record.depth
        place = target + 4 * step * vector
        _multiply_panel(tag, bases, record, group, taken, panel, place)
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
                channels = (source, channel_floats, frame_width)
                _fill_panels(tag, record, channels, group, rows, line, panels)
                _multiply(tag, bases, record, group, count, panels, place)
            y = rows[1]
