"""REAL_CONV: a convolution with real weights, as a blocked product.

What the taps see lies in rows of pixels, one for every tap, that `gather` makes of some rows of
outputs; a 1x1 convolution with stride 1 reads the channels themselves. A tile is a few vectors of
pixels. All blocks of output channels run over it, their sums in registers, and read the weights in
the order in which they lie.
"""

from __future__ import annotations

from typing import Any

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import product
from bnas.binops.tape.gather_kernel import gather
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.views import floats_at


@kernel()
def _multiply_tile(
    tag: Any, bases: Any, record: Any, group: Any, columns: Any, pixels: Any, target: Any
) -> None:
    """Multiply all output channels of one group with one tile of pixels."""
    height, depth = record.block_rows, record.depth
    outputs = record.out_channels // record.groups
    blocks, whole = -(-outputs // height), outputs // height
    floor, tile = resolve(bases, record.floor_at), resolve(bases, record.tile_at)
    offsets, row = resolve(bases, record.offsets_at), record.target_row
    weights = resolve(bases, record.weights_at) + 4 * group * blocks * height * depth
    bias = resolve(bases, record.bias_at) + 4 * group * blocks * height
    k = 0
    while k < depth:
        taken = min(record.block_depth, depth - k)
        # Sums begin with the bias, or with what the taps before have left; the last taps end them.
        least = floor if k + taken == depth else resolve(bases, record.unbounded_at)
        for block in range(whole):
            start = bias + 4 * height * block if k == 0 else 0
            place = target + block * height * row
            sources = (weights, pixels, offsets + 8 * k)
            product(tag, columns, sources, taken, (start, least, place, row))
            weights += 4 * height * taken
        k += taken
    if whole < blocks:
        # The last block has fewer channels: behind its rows lie those of another value.
        result = (bias + 4 * height * whole, floor, tile, 4 * columns)
        product(tag, columns, (weights, pixels, offsets), depth, result)
        for k in range(outputs - whole * height):
            values = floats_at(target + (whole * height + k) * row, columns)
            values[:] = floats_at(tile + 4 * k * columns, columns)


@kernel()
def _multiply(
    tag: Any, bases: Any, record: Any, group: Any, count: Any, pixels: Any, target: Any
) -> None:
    """Multiply all output channels of one group with some pixels, tile by tile.

    A few pixels beyond whole vectors are the tails of as many tiles. If they are more, the last
    vector hangs over: rows are whole vectors, and rows of outputs come in order.
    """
    step, most, beside = tag.lanes // 4, record.block_vectors, record.tail_vectors
    vectors, rest = count // step, count % step
    # A tail takes as long as a vector of one output channel.
    tails = rest if rest < record.block_rows and rest * beside <= vectors else 0
    vectors += (1 if rest > tails else 0) - tails * beside
    column = 0
    for _ in range(tails):
        place = 4 * column
        _multiply_tile(tag, bases, record, group, beside * step + 1, pixels + place, target + place)
        column += beside * step + 1
    parts = -(-vectors // most)
    for part in range(parts):
        taken = -(-vectors // (parts - part))
        place = 4 * column
        _multiply_tile(tag, bases, record, group, taken * step, pixels + place, target + place)
        column += taken * step
        vectors -= taken


@kernel()
def run_real_conv(tag: Any, bases: Any, record: Any, images: Any) -> None:
    """Convolve floats.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.REAL_CONV`.
        images: Number of images.
    """
    group_bytes = record.in_channels // record.groups * record.source_row
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        outputs = record.out_channels // record.groups * record.target_row
        for y in range(0, record.out_height, record.rows_together):
            count = min(record.rows_together, record.out_height - y) * record.out_width
            for group in range(record.groups):
                pixels = source + group * group_bytes
                if record.parts > 0:
                    gather(tag, bases, record, pixels, y)
                    pixels = resolve(bases, record.planes_at)
                place = target + group * outputs + 4 * y * record.out_width
                _multiply(tag, bases, record, group, count, pixels, place)
