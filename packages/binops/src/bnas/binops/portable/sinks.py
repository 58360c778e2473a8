"""Hand the counts of one output channel to every epilogue, while they are in the cache."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bnas.binops.jit import kernel


class Sinks(NamedTuple):
    """Where the counts of one convolution go; all flat, so that one compiled kernel serves all.

    A named tuple, which Numba takes as it is.

    T thresholds, N images, O channels, P pixels of an output plane. There is at most one float
    output: Numba's parallel loops take no tuple of arrays.

    Args:
        count_out: int32, the span of the count output; empty if it is not wanted.
        count_strides: int64 (2,), elements between images and between channels of it.
        thresholds: int32 (T, O).
        flips: bool (T, O).
        bit_out: uint8 (T, N, ceil(O / 8), P), C order.
        float_out: float32, the span of the float output; empty if it is not wanted.
        float_strides: int64 (2,), elements between images and between channels of it.
        scale: float32 (O,); empty if no float output is wanted.
        relu: Set floats that are not positive to 0.
        accumulate: Add to what `float_out` holds.
    """

    count_out: np.ndarray
    count_strides: np.ndarray
    thresholds: np.ndarray
    flips: np.ndarray
    bit_out: np.ndarray
    float_out: np.ndarray
    float_strides: np.ndarray
    scale: np.ndarray
    relu: bool
    accumulate: bool


@kernel()
def _write_bits(counts: Any, threshold: Any, flip: Any, bit: Any, target: Any) -> None:
    """Set one bit of a plane of bytes to ``(count >= threshold) ^ flip``; bit 0 clears first."""
    shift = np.uint8(bit)
    if bit == 0:
        target[:] = 0
    for p in range(counts.shape[0]):
        target[p] |= np.uint8((np.uint8(counts[p] >= threshold) ^ flip) << shift)


@kernel()
def _write_floats(counts: Any, scale: Any, relu: Any, accumulate: Any, target: Any) -> None:
    """Write or add ``float32(count) * scale``, each step one float32 operation."""
    for p in range(counts.shape[0]):
        value = np.float32(counts[p]) * scale
        if relu and not value > 0:
            value = np.float32(0)
        if accumulate:
            value = target[p] + value
        target[p] = value


@kernel()
def write_bits(counts: Any, image: Any, output: Any, pixel: Any, sinks: Any) -> None:
    """Compare the counts of one output channel for every bit output.

    Args:
        counts: int32 (P,), for the pixels from `pixel` on.
        image: Index into the batch.
        output: Output channel.
        pixel: Index of the first pixel in the output plane.
        sinks: The epilogues and their outputs, as `Sinks`.
    """
    pixels = counts.shape[0]
    for index in range(sinks.thresholds.shape[0]):
        byte_plane = sinks.bit_out[index, image, output >> 3, pixel : pixel + pixels]
        threshold = sinks.thresholds[index, output]
        flip = np.uint8(sinks.flips[index, output])
        _write_bits(counts, threshold, flip, output & 7, byte_plane)


@kernel()
def write_numbers(counts: Any, image: Any, output: Any, pixel: Any, sinks: Any) -> None:
    """Write the counts of one output channel, and the floats made of them, where wanted.

    Args:
        counts: As for `write_bits`.
        image: As for `write_bits`.
        output: As for `write_bits`.
        pixel: As for `write_bits`.
        sinks: As for `write_bits`.
    """
    pixels = counts.shape[0]
    if sinks.count_out.shape[0] > 0:
        start = image * sinks.count_strides[0] + output * sinks.count_strides[1] + pixel
        target = sinks.count_out[start : start + pixels]
        for p in range(pixels):
            target[p] = counts[p]
    if sinks.scale.shape[0] > 0:
        start = image * sinks.float_strides[0] + output * sinks.float_strides[1] + pixel
        values = sinks.float_out[start : start + pixels]
        _write_floats(counts, sinks.scale[output], sinks.relu, sinks.accumulate, values)
