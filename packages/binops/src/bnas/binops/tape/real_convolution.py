"""Write convolutions with real weights to a tape."""

from __future__ import annotations

import math

import numpy as np

from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.operations import Rows
from bnas.binops.tape.pointers import NOWHERE
from bnas.binops.tape.records import Kind

#: Rows of a block of the product, by lanes: with 64 there are 32 registers.
BLOCK_ROWS = {64: 6, 32: 4, 16: 4}
#: Taps that are summed at a time.
DEPTH_BLOCK = {64: 128, 32: 256, 16: 256}
#: Bytes of gathered pixels that are multiplied together: they stay in the second-level cache.
PANELS_BYTES = 256 * 1024
#: Bytes that copies of rows may write too much.
_SPARE = 1024


def add_real_conv(
    builder: TapeBuilder,
    source: Rows,
    target: Rows,
    weight: np.ndarray,
    bias: np.ndarray | None,
    sizes: tuple[tuple[int, int], tuple[int, int]],
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    *,
    relu: bool = False,
) -> None:
    """Write a convolution.

    Args:
        builder: The tape.
        source: What it reads.
        target: What it writes.
        weight: float32 (groups, O / groups, I / groups * kernel * kernel).
        bias: float32 (O,), or None.
        sizes: Height and width of the source and of the target.
        kernel: Side of the kernel, taps.
        stride: Steps between outputs, pixels.
        padding: Zeros on every side, pixels.
        dilation: Steps between taps, pixels.
        relu: Set what is not positive to 0.
    """
    (height, width), (out_height, out_width) = sizes
    groups, outputs, depth = weight.shape
    lanes = builder.isa.lanes
    rows = BLOCK_ROWS[lanes]
    together = _rows_together(out_height, out_width, lanes // 4, PANELS_BYTES // (4 * depth))
    blocks = -(-outputs // rows)
    packed = np.zeros((groups, blocks * rows, depth), np.float32)
    packed[:, :outputs] = weight
    offsets = np.zeros((groups, blocks * rows), np.float32)
    if bias is not None:
        offsets[:, :outputs] = bias.reshape(groups, outputs)
    by_block = packed.reshape(groups, blocks, rows, depth).transpose(0, 1, 3, 2)
    weights = [_in_order(group, outputs // rows, DEPTH_BLOCK[lanes]) for group in by_block]
    frame_bytes = 4 * (height + 2 * padding) * (width + 2 * padding) * source.channels
    line_bytes = 4 * together * out_width
    builder.op(
        Kind.REAL_CONV,
        "real_convs",
        **source.fields("source"),
        **target.fields("target"),
        weights_at=builder.constant(np.array(weights)),
        bias_at=builder.constant(offsets),
        unbounded_at=builder.constant(np.array([-np.inf], np.float32)),
        floor_at=builder.constant(np.array([0 if relu else -np.inf], np.float32)),
        groups=groups,
        in_channels=source.channels,
        out_channels=groups * outputs,
        depth=depth,
        height=height,
        width=width,
        out_height=out_height,
        out_width=out_width,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        padded_at=builder.reserve(frame_bytes + _SPARE, shared=True) if padding else NOWHERE,
        line_at=builder.reserve(2 * (line_bytes + 4 * out_width + _SPARE), shared=True),
        panels_at=builder.reserve(depth * (line_bytes + lanes) + _SPARE, shared=True),
        rows_together=together,
        tile_at=builder.reserve(4 * rows * builder.isa.lanes, shared=True),
    )


def _rows_together(height: int, width: int, step: int, pixels: int) -> int:
    """Rows of outputs that are gathered together.

    They begin at multiples of a vector: the last vector of a row may then hang over into the spare
    end of the channel, but never into the next one.

    Args:
        height: Rows of the output.
        width: Pixels of a row.
        step: Values of a vector.
        pixels: About how many to gather.
    """
    unit = step // math.gcd(step, width)
    return min(height, max(unit, pixels // width // unit * unit))


def _in_order(weights: np.ndarray, whole: int, taps: int) -> np.ndarray:
    """Arrange one group's weights in the order in which they are read: one stream.

    Args:
        weights: float32 (blocks, depth, rows).
        whole: Blocks of which all rows are used; another one comes last, for its whole depth.
        taps: Taps that are summed at a time.
    """
    starts = range(0, weights.shape[1], taps)
    parts = [weights[:whole, start : start + taps].reshape(-1) for start in starts]
    return np.concatenate([*parts, weights[whole:].reshape(-1)])
