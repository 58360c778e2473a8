"""The outputs of a convolution plan: allocated or checked, and laid flat for the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from bnas.binops.bits import BitTensor, byte_count
from bnas.binops.epilogues import Counts, Epilogue, Scale, Threshold
from bnas.binops.errors import DtypeError, EpilogueError, ShapeError
from bnas.binops.kernels import Sinks

Output = np.ndarray | BitTensor

# What the sinks hold for an output that is not wanted.
_NO_COUNTS = np.empty(0, np.int32)
_NO_FLOATS = np.empty(0, np.float32)
_NO_STRIDES = np.zeros(2, np.int64)
_NO_SCALE = Scale(_NO_FLOATS)


class OutputPlan:
    """What a plan returns, and how its outputs become the kernel's sinks.

    Args:
        epilogues: The epilogues, in the caller's order.
        shape: (O, H, W) of the output.
        single: Return the only output itself, not a tuple.
    """

    def __init__(
        self, epilogues: tuple[Epilogue, ...], shape: tuple[int, int, int], *, single: bool
    ) -> None:
        """Stack the values of the epilogues."""
        self.epilogues = epilogues
        self.shape = shape
        self.single = single
        thresholds = [part for part in epilogues if isinstance(part, Threshold)]
        self._thresholds = self._stack([part.threshold for part in thresholds], np.int32)
        self._flips = self._stack([part.flip for part in thresholds], np.bool_)
        scaled = [index for index, part in enumerate(epilogues) if isinstance(part, Scale)]
        # The kernel has one float output. Further ones are made from the counts, by NumPy.
        self._fused, self._later = scaled[:1], scaled[1:]

    def _stack(self, rows: list[np.ndarray], dtype: type) -> np.ndarray:
        """Make per-channel values of several epilogues one array, of no rows if there are none."""
        return np.array(rows, dtype).reshape(len(rows), self.shape[0])

    def prepare(self, images: int, out: Any) -> tuple[list[Output], Sinks]:
        """Allocate or check the outputs of one call.

        Args:
            images: Batch size.
            out: What the caller gave.

        Returns:
            The outputs, in the order of the epilogues, and the sinks for the kernel.

        Raises:
            ShapeError: An output does not fit the plan.
            DtypeError: An output is of another type, or cannot be written as it lies.
            EpilogueError: An output is missing.
        """
        channels, height, width = self.shape
        planes = (len(self._thresholds), images, byte_count(channels))
        bit_out = np.empty((*planes, height * width), np.uint8)
        fresh_bits = iter(bit_out.reshape(*planes, height, width))
        outputs: list[Output] = []
        for part, given in zip(self.epilogues, self._as_given(out), strict=True):
            if isinstance(part, Threshold):
                fresh = BitTensor.from_kernel(next(fresh_bits), 1, channels)
                outputs.append(fresh if given is None else self._check_bits(given, images))
            else:
                outputs.append(self._real_output(part, given, images))
        return outputs, self._sinks(outputs, bit_out, images)

    def finish(self, outputs: list[Output], sinks: Sinks) -> Any:
        """Return what the caller expects, after the kernel ran.

        The kernel writes bits side by side into one array; a given BitTensor gets a copy, which
        is 1/32 of the counts.

        Args:
            outputs: As `prepare` returned them.
            sinks: As `prepare` returned them.

        Returns:
            The only output, or a tuple of all.
        """
        bits = [output for output in outputs if isinstance(output, BitTensor)]
        for target, source in zip(bits, sinks.bit_out, strict=True):
            if not np.may_share_memory(target.data, source):
                target.data[...] = source.reshape(target.data.shape)
        for index in self._later:
            self._scale_later(self.epilogues[index], outputs[index], sinks)
        return outputs[0] if self.single else tuple(outputs)

    def _scale_later(self, part: Scale, out: np.ndarray, sinks: Sinks) -> None:
        """Make a float output from the counts; the same float32 operations as the kernel's."""
        if not out.size:
            return
        steps = (*sinks.count_strides, self.shape[2], 1)
        counts = as_strided(sinks.count_out, out.shape, [4 * int(step) for step in steps])
        values = counts.astype(np.float32) * part.scale[:, None, None]
        if part.relu:
            values = np.where(values > 0, values, np.float32(0))
        out[...] = out + values if part.accumulate else values

    def _as_given(self, out: Any) -> tuple[Any, ...]:
        """Make one given output, or None, of each epilogue."""
        if self.single:
            return (out,)
        if out is None:
            return (None,) * len(self.epilogues)
        if not isinstance(out, tuple) or len(out) != len(self.epilogues):
            raise EpilogueError(
                f"`out` must be a tuple of {len(self.epilogues)}, one for each epilogue, None "
                f"where a fresh output is wanted (got {type(out).__name__})",
                got=type(out).__name__,
            )
        return out

    def _real_output(self, part: Counts | Scale, given: Any, images: int) -> np.ndarray:
        """Allocate or check the output of counts or floats."""
        dtype = np.float32 if isinstance(part, Scale) else np.int32
        if given is not None:
            return _check_array(given, (images, *self.shape), np.dtype(dtype))
        if isinstance(part, Scale) and part.accumulate:
            raise EpilogueError("`out` must be given where Scale has accumulate=True")
        return np.empty((images, *self.shape), dtype)

    def _check_bits(self, out: Any, images: int) -> BitTensor:
        """Refuse bits that do not fit."""
        shape = (images, *self.shape)
        if not isinstance(out, BitTensor):
            raise DtypeError(
                f"`out` must be a BitTensor for Threshold (got {type(out).__name__})",
                got=type(out).__name__,
            )
        if out.shape != shape or out.axis != 1 or not out.data.flags.writeable:
            raise ShapeError(
                f"`out` must be a writable BitTensor of shape {shape} packed on axis 1 (got {out})",
                shape=out.shape,
                expected=shape,
            )
        return out

    def _sinks(self, outputs: list[Output], bit_out: np.ndarray, images: int) -> Sinks:
        """Lay the outputs flat."""
        counts = [out for out in outputs if isinstance(out, np.ndarray) and out.dtype == np.int32]
        if self._later and not counts:
            counts = [np.empty((images, *self.shape), np.int32)]
        count_out, count_strides = _flatten(counts[0]) if counts else (_NO_COUNTS, _NO_STRIDES)
        part, float_out, float_strides = _NO_SCALE, _NO_FLOATS, _NO_STRIDES
        for index in self._fused:
            part = self.epilogues[index]
            float_out, float_strides = _flatten(outputs[index])
        return Sinks(
            count_out=count_out,
            count_strides=count_strides,
            thresholds=self._thresholds,
            flips=self._flips,
            bit_out=bit_out,
            float_out=float_out,
            float_strides=float_strides,
            scale=part.scale,
            relu=part.relu,
            accumulate=part.accumulate,
        )


def _check_array(out: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Refuse an array that does not fit, or that the kernel cannot write plane by plane."""
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        got = f"{out.dtype} array" if isinstance(out, np.ndarray) else type(out).__name__
        raise DtypeError(f"`out` must be a NumPy array of {dtype} (got {got})", got=got)
    if out.shape != shape:
        raise ShapeError(
            f"`out` must have shape {shape} (got {out.shape})", shape=out.shape, expected=shape
        )
    if not out.size:
        return out
    whole_planes = out[0, 0].flags.c_contiguous
    forward = all(
        step % dtype.itemsize == 0 and step >= dtype.itemsize * shape[2] * shape[3]
        for step, size in zip(out.strides[:2], shape[:2], strict=True)
        if size > 1
    )
    if not (whole_planes and forward and out.flags.writeable and out.flags.aligned):
        raise DtypeError(
            "`out` must be writable and hold whole planes (H, W in C order), as an array or a "
            f"slice of its images or channels does (got strides {out.strides} for shape {shape})",
            strides=out.strides,
        )
    return out


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
