"""The outputs of the portable convolution: its epilogues' values, and arrays laid flat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from bnas.binops.bits import byte_count
from bnas.binops.epilogues import Counts, Epilogue, Scale, Threshold
from bnas.binops.portable.sinks import Sinks

# What the sinks hold for an output that is not wanted.
_NO_COUNTS = np.empty(0, np.int32)
_NO_FLOATS = np.empty(0, np.float32)
_NO_STRIDES = np.zeros(2, np.int64)
_NO_SCALE = Scale(_NO_FLOATS)


class FlatOutputs:
    """How the outputs of a plan become the kernel's sinks.

    Args:
        epilogues: The epilogues, in the caller's order.
        shape: (O, H, W) of the output.
    """

    def __init__(self, epilogues: tuple[Epilogue, ...], shape: tuple[int, int, int]) -> None:
        """Stack the values of the epilogues."""
        self._epilogues = epilogues
        self._shape = shape
        thresholds = [part for part in epilogues if isinstance(part, Threshold)]
        self._thresholds = self._stack([part.threshold for part in thresholds], np.int32)
        self._flips = self._stack([part.flip for part in thresholds], np.bool_)
        scaled = [(index, part) for index, part in enumerate(epilogues) if isinstance(part, Scale)]
        # The kernel has one float output. Further ones are made from the counts, by NumPy.
        self._fused, self._later = scaled[:1], scaled[1:]

    def _stack(self, rows: list[np.ndarray], dtype: type) -> np.ndarray:
        """Make per-channel values of several epilogues one array, of no rows if there are none."""
        return np.array(rows, dtype).reshape(len(rows), self._shape[0])

    def sinks(self, outputs: Sequence[np.ndarray], images: int) -> Sinks:
        """Lay the outputs flat.

        Args:
            outputs: The array of each epilogue.
            images: Batch size.
        """
        channels, height, width = self._shape
        parts = list(zip(self._epilogues, outputs, strict=True))
        counts = [array for part, array in parts if isinstance(part, Counts)]
        if self._later and not counts:
            counts = [np.empty((images, *self._shape), np.int32)]
        count_out, count_strides = _flatten(counts[0]) if counts else (_NO_COUNTS, _NO_STRIDES)
        scale, float_out, float_strides = _NO_SCALE, _NO_FLOATS, _NO_STRIDES
        for index, part in self._fused:
            scale = part
            float_out, float_strides = _flatten(outputs[index])
        planes = (len(self._thresholds), images, byte_count(channels), height * width)
        return Sinks(
            count_out=count_out,
            count_strides=count_strides,
            thresholds=self._thresholds,
            flips=self._flips,
            bit_out=np.empty(planes, np.uint8),
            float_out=float_out,
            float_strides=float_strides,
            scale=scale.scale,
            relu=scale.relu,
            accumulate=scale.accumulate,
        )

    def finish(self, outputs: Sequence[np.ndarray], sinks: Sinks) -> None:
        """Copy what the kernel wrote elsewhere: bits lie side by side in one array."""
        parts = list(zip(self._epilogues, outputs, strict=True))
        bits = [array for part, array in parts if isinstance(part, Threshold)]
        for target, source in zip(bits, sinks.bit_out, strict=True):
            target[...] = source.reshape(target.shape)
        for index, part in self._later:
            self._scale_later(part, outputs[index], sinks)

    def _scale_later(self, part: Scale, out: np.ndarray, sinks: Sinks) -> None:
        """Make a float output from the counts; the same float32 operations as the kernel's."""
        steps = (*sinks.count_strides, self._shape[2], 1)
        counts = as_strided(sinks.count_out, out.shape, [4 * int(step) for step in steps])
        values = counts.astype(np.float32) * part.scale[:, None, None]
        if part.relu:
            values = np.where(values > 0, values, np.float32(0))
        out[...] = out + values if part.accumulate else values


def _flatten(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """View the memory from the first to the last element, and the strides of its planes.

    The planes of a slice of channels lie in that span with gaps, which the kernel leaves alone.

    Args:
        array: (N, O, H, W) of whole planes.

    Returns:
        The span, one-dimensional; int64 (2,), elements between images and between channels.
    """
    images, channels, height, width = array.shape
    if array.flags.c_contiguous:
        plane = height * width
        return array.reshape(-1), np.array((channels * plane, plane), np.int64)
    strides = np.array(array.strides[:2], np.int64) // array.itemsize
    last = (images - 1) * strides[0] + (channels - 1) * strides[1]
    return as_strided(array, (int(last) + height * width,), (array.itemsize,)), strides
