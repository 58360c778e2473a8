"""REAL_CONV: a convolution with real weights, as a blocked product.

The pixels that a few vectors of outputs see are gathered into a panel, one row a tap; then blocks of
output channels run over it, their sums in registers for the whole depth.
"""

from __future__ import annotations

import numpy as np

from bnas.binops.portable.jit import kernel
from bnas.binops.table.intrinsics import product
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.views import floats_at, ints_at, longs_at

#: Output channels of a block.
ROWS = 4
#: The same with 32 registers.
WIDE_ROWS = 8
#: Most vectors of a panel: with `ROWS` rows 12 sums, which 16 registers hold beside the operands.
MAX_PANEL_VECTORS = 3


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
def _gather(source, taps, places, width, panel):
    """Fill a panel: row k holds what tap k shows to every place."""
    length = places.shape[0]
    for k in range(taps.shape[0]):
        target = panel[k * length : (k + 1) * length]
        tap = source + 4 * taps[k]
        for start in range(0, length, width):
            first = np.int64(places[start])
            if np.int64(places[start + width - 1]) - first == width - 1:
                target[start : start + width] = floats_at(tap + 4 * first, width)
            else:
                for p in range(start, start + width):
                    target[p] = floats_at(tap + 4 * np.int64(places[p]), 1)[0]


@kernel()
def _product_rows(tag, vectors, weights, panel, depth, bias, out, row):
    """Multiply one block of output channels with the panel."""
    if tag.lanes == 64:
        if vectors == 1:
            product(tag, 8, 1, weights, panel, depth, bias, out, row)
        elif vectors == 2:
            product(tag, 8, 2, weights, panel, depth, bias, out, row)
        else:
            product(tag, 8, 3, weights, panel, depth, bias, out, row)
    elif vectors == 1:
        product(tag, 4, 1, weights, panel, depth, bias, out, row)
    elif vectors == 2:
        product(tag, 4, 2, weights, panel, depth, bias, out, row)
    else:
        product(tag, 4, 3, weights, panel, depth, bias, out, row)


@kernel()
def _product_group(tag, bases, record, group, vectors, pixel, target, row):
    """Multiply all output channels of one group with the panel."""
    rows = WIDE_ROWS if tag.lanes == 64 else ROWS
    outputs = record.out_channels // record.groups
    blocks = -(-outputs // rows)
    panel = resolve(bases, record.panel_at)
    tile = resolve(bases, record.tile_at)
    length = vectors * tag.lanes // 4
    for block in range(blocks):
        index = group * blocks + block
        weights = resolve(bases, record.weights_at) + 4 * index * rows * record.depth
        bias = resolve(bases, record.bias_at) + 4 * index * rows
        first = group * outputs + block * rows
        here = target + first * row + 4 * pixel
        used = min(rows, outputs - block * rows)
        if used == rows:
            _product_rows(tag, vectors, weights, panel, record.depth, bias, here, row)
        else:
            _product_rows(tag, vectors, weights, panel, record.depth, bias, tile, 4 * length)
            for k in range(used):
                floats_at(here + k * row, length)[:] = floats_at(tile + 4 * k * length, length)


@kernel()
def run_real_conv(tag, bases, record, images):
    """Convolve floats.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.REAL_CONV`.
        images: Number of images.
    """
    width = tag.lanes // 4
    count = -(-record.pixels // width)
    places = ints_at(resolve(bases, record.places_at), count * width)
    taps = longs_at(resolve(bases, record.taps_at), record.groups * record.depth)
    side = record.width + 2 * record.padding
    frame = (record.height + 2 * record.padding) * side * record.in_channels
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        if record.padding > 0:
            padded = resolve(bases, record.padded_at)
            _pad(source, record.source_row, record, floats_at(padded, frame))
            source = padded
        blocks = -(-count // MAX_PANEL_VECTORS)
        vector = 0
        for block in range(blocks):
            vectors = -(-(count - vector) // (blocks - block))
            pixel = vector * width
            chosen = places[pixel : pixel + vectors * width]
            for group in range(record.groups):
                panel = floats_at(resolve(bases, record.panel_at), record.depth * vectors * width)
                group_taps = taps[group * record.depth : (group + 1) * record.depth]
                _gather(source, group_taps, chosen, width, panel)
                _product_group(tag, bases, record, group, vectors, pixel, target, record.target_row)
            vector += vectors
