"""Hand the counts of one output channel to every epilogue, while they are in the cache."""

from __future__ import annotations

import numpy as np

from bnas.binops.portable.jit import kernel


@kernel()
def _write_bits(counts, threshold, flip, bit, target):
    """Set one bit of a plane of bytes to ``(count >= threshold) ^ flip``; bit 0 clears first."""
    shift = np.uint8(bit)
    if bit == 0:
        target[:] = 0
    for p in range(counts.shape[0]):
        target[p] |= np.uint8((np.uint8(counts[p] >= threshold) ^ flip) << shift)


@kernel()
def _write_floats(counts, scale, relu, accumulate, target):
    """Write or add ``float32(count) * scale``, each step one float32 operation."""
    for p in range(counts.shape[0]):
        value = np.float32(counts[p]) * scale
        if relu and not value > 0:
            value = np.float32(0)
        if accumulate:
            value = target[p] + value
        target[p] = value


@kernel()
def write_counts(counts, image, output, pixel, sinks):
    """Run every epilogue over the counts of one output channel.

    Args:
        counts: int32 (P,), for the pixels from `pixel` on.
        image: Index into the batch.
        output: Output channel.
        pixel: Index of the first pixel in the output plane.
        sinks: The epilogues and their outputs, as `bnas.binops.kernels.Sinks`.
    """
    pixels = counts.shape[0]
    if sinks.count_out.shape[0] > 0:
        start = image * sinks.count_strides[0] + output * sinks.count_strides[1] + pixel
        target = sinks.count_out[start : start + pixels]
        for p in range(pixels):
            target[p] = counts[p]
    for index in range(sinks.thresholds.shape[0]):
        byte_plane = sinks.bit_out[index, image, output >> 3, pixel : pixel + pixels]
        threshold = sinks.thresholds[index, output]
        flip = np.uint8(sinks.flips[index, output])
        _write_bits(counts, threshold, flip, output & 7, byte_plane)
    if sinks.scale.shape[0] > 0:
        start = image * sinks.float_strides[0] + output * sinks.float_strides[1] + pixel
        values = sinks.float_out[start : start + pixels]
        _write_floats(counts, sinks.scale[output], sinks.relu, sinks.accumulate, values)
