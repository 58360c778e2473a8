"""Binary 2-D convolution: gather the taps of a block of rows, then XOR, popcount and add bytes.

A block's taps lie in `columns`, one row of bytes a tap (eight channels of every output pixel of
the block), so that any kernel, stride and dilation run through one inner loop that LLVM
vectorises over the pixels. Padding is gathered as 0 and corrected after (`border`).

Measured on one core of an EPYC 9004 (Zen 4), useful bits/ns of the counting alone, minimum of 60
calls, Numba 0.68 with AVX-512 (BITALG) / limited to AVX2:

* eight taps a pass, byte sums, int32 every third pass (this one): 3x3 128→128 at 14x14 398 / 237,
  1x1 144→36 at 32x32 225 / 159, 3x3 36→36 at 32x32 414 / 244, 3x3 256→256 at 7x7 262 / 226;
* one tap a pass: 256 / 239, 146 / 159, 279 / 256, 77 / 106: the sums go through memory each time;
* eight taps a pass straight into uint16: 441 / 148, 240 / 116, 417 / 166, 387 / 142: a loop over
  two widths takes half-filled registers on AVX2; straight into int32: 285 / 75;
* two output channels by four taps a pass: 442 / 243, 206 / 163, 371 / 250, 269 / 217: no gain
  that would pay for the odd channel.

That core ran at about 3.65 GHz: 398 bits/ns are 109 a cycle, 237 are 65. A whole call (gather,
border, int32 output, N=1, one thread, AVX-512) took 129-155, 51, 94 and 162 us for these four
shapes, where torch 2.13 float32 took 388, 170, 486 and 934 in the same interleaved run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from bnas.binops.epilogues import Epilogue
from bnas.binops.geometry import ConvGeometry
from bnas.binops.jit import kernel
from bnas.binops.portable.border import prepare_border
from bnas.binops.portable.counts import count_mismatches
from bnas.binops.portable.gather import Shape, gather
from bnas.binops.portable.outputs import FlatOutputs
from bnas.binops.portable.regroup import regroup
from bnas.binops.portable.sinks import write_bits, write_numbers
from bnas.binops.threads import parallel_region

# Taps are padded to whole passes of the inner loop, pixels to whole vector registers.
TAPS_A_PASS = 8
LANES = 64
# The gathered block stays in the first-level cache beside sums and weights.
BLOCK_BYTES = 24 * 1024
# Below this many tap bytes times output channels a parallel region costs more than it saves.
SERIAL_BYTES = 1 << 20


class Split(NamedTuple):
    """How the work is cut into items: images x blocks of rows x blocks of output channels."""

    rows: int
    row_blocks: int
    outputs: int
    output_blocks: int


@kernel()
def _conv_item(
    planes: Any, weights: Any, border: Any, shape: Any, split: Any, sinks: Any, item: Any
) -> None:
    """Compute one block of rows of one image, for one block of output channels."""
    rest, output_block = divmod(item, split.output_blocks)
    image, row_block = divmod(rest, split.row_blocks)
    first_row = row_block * split.rows
    last_row = min(shape.out_height, first_row + split.rows)
    pixels = (last_row - first_row) * shape.out_width
    lanes = -(-pixels // LANES) * LANES
    columns = np.empty((weights.shape[1], lanes), np.uint8)
    sums = np.empty(lanes, np.uint8)
    counts = np.empty(lanes, np.int32)
    gathered = -1
    first_output = output_block * split.outputs
    for output in range(first_output, min(shape.out_channels, first_output + split.outputs)):
        group = output // shape.group_outputs
        if group != gathered:
            start = group * shape.group_bytes
            group_planes = planes[image, start : start + shape.group_bytes]
            gather(group_planes, shape, (first_row, last_row), columns)
            gathered = group
        count_mismatches(columns, weights[output], sums, counts)
        for p in range(lanes):
            counts[p] = shape.dot_length - 2 * counts[p]
        for row in range(first_row, last_row):
            start = (row - first_row) * shape.out_width
            for edge in range(border.row_starts[row], border.row_starts[row + 1]):
                pixel = start + border.columns[edge]
                counts[pixel] += border.corrections[output, border.tap_sets[edge]]
        first_pixel = first_row * shape.out_width
        write_bits(counts[:pixels], image, output, first_pixel, sinks)
        write_numbers(counts[:pixels], image, output, first_pixel, sinks)


@kernel()
def _conv_serial(
    planes: Any, weights: Any, border: Any, shape: Any, split: Any, sinks: Any
) -> None:
    for item in range(planes.shape[0] * split.row_blocks * split.output_blocks):
        _conv_item(planes, weights, border, shape, split, sinks, item)


@kernel(parallel=True)
def _conv_parallel(
    planes: Any, weights: Any, border: Any, shape: Any, split: Any, sinks: Any
) -> None:
    for item in prange(planes.shape[0] * split.row_blocks * split.output_blocks):
        _conv_item(planes, weights, border, shape, split, sinks, np.int64(item))


class PortableConv:
    """A convolution with its weights prepared for the portable kernel.

    Args:
        geometry: The sizes.
        weights: uint8 (O, group bytes, KH, KW), the signs, packed along the input channels.
        epilogues: What is made of the counts.
    """

    def __init__(
        self, geometry: ConvGeometry, weights: np.ndarray, epilogues: tuple[Epilogue, ...]
    ) -> None:
        """Prepare the weights and the border."""
        self.geometry = geometry
        self._outputs = FlatOutputs(epilogues, (geometry.out_channels, *geometry.out_size))
        taps = weights.reshape(len(weights), -1)
        self._weights = np.zeros((len(taps), -(-taps.shape[1] // TAPS_A_PASS) * TAPS_A_PASS), "u1")
        self._weights[:, : taps.shape[1]] = taps
        ones = np.unpackbits(weights, axis=1).sum(axis=1, dtype=np.int64)
        self._border = prepare_border(geometry, 2 * ones - geometry.group_channels)
        self._shape = Shape(
            geometry.group_bytes,
            geometry.out_channels // geometry.groups,
            geometry.dot_length,
            geometry.out_channels,
            geometry.in_size[1],
            *geometry.out_size,
            *geometry.kernel,
            *geometry.stride,
            *geometry.padding,
            *geometry.dilation,
        )

    def __call__(self, data: np.ndarray, outputs: Sequence[np.ndarray], threads: int) -> None:
        """Run it: see `bnas.binops.kernels.ConvKernel`."""
        sinks = self._outputs.sinks(outputs, len(data))
        geometry = self.geometry
        images, planes = data.shape[:2]
        flat = data.reshape(images, planes, -1)
        grouped = regroup(flat, geometry.groups, geometry.group_channels, threads)
        work = images * geometry.out_size[0] * geometry.out_size[1] * self._weights.size
        if work < SERIAL_BYTES:
            threads = 1
        arguments = (
            grouped,
            self._weights,
            self._border,
            self._shape,
            self._split(images, threads),
            sinks,
        )
        if threads == 1:
            _conv_serial(*arguments)
        else:
            with parallel_region(threads):
                _conv_parallel(*arguments)
        self._outputs.finish(outputs, sinks)

    def _split(self, images: int, threads: int) -> Split:
        """Cut the work: rows to fit the cache, output channels only where threads want more.

        A block of output channels starts at a multiple of 8, so that no two threads write one
        byte of the bit output.
        """
        height, width = self.geometry.out_size
        rows = min(height, max(1, BLOCK_BYTES // self._weights.shape[1] // width))
        row_blocks = -(-height // rows)
        wanted = 1 if threads == 1 else -(-4 * threads // (images * row_blocks))
        byte_planes = -(-self.geometry.out_channels // 8)
        outputs = 8 * -(-byte_planes // min(wanted, byte_planes))
        return Split(rows, row_blocks, outputs, -(-self.geometry.out_channels // outputs))
