"""The outputs of a convolution plan: allocated or checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops.bits import BitTensor, byte_count
from bnas.binops.epilogues import Counts, Epilogue, Scale, Threshold
from bnas.binops.errors import DtypeError, EpilogueError, ShapeError

Output = np.ndarray | BitTensor


class OutputPlan:
    """What a plan returns.

    Args:
        epilogues: The epilogues, in the caller's order.
        shape: (O, H, W) of the output.
        single: Return the only output itself, not a tuple.
    """

    def __init__(
        self, epilogues: tuple[Epilogue, ...], shape: tuple[int, int, int], *, single: bool
    ) -> None:
        """Remember them."""
        self.epilogues = epilogues
        self.shape = shape
        self.single = single

    def prepare(self, images: int, out: Any) -> tuple[list[Output], list[np.ndarray]]:
        """Allocate or check the outputs of one call.

        Args:
            images: Batch size.
            out: What the caller gave.

        Returns:
            The outputs, in the order of the epilogues, and the arrays that the kernel writes.

        Raises:
            ShapeError: An output does not fit the plan.
            DtypeError: An output is of another type, or cannot be written as it lies.
            EpilogueError: An output is missing.
        """
        channels, height, width = self.shape
        outputs: list[Output] = []
        for part, given in zip(self.epilogues, self.as_given(out), strict=True):
            if not isinstance(part, Threshold):
                outputs.append(self._real_output(part, given, images))
            elif given is None:
                data = np.empty((images, byte_count(channels), height, width), np.uint8)
                outputs.append(BitTensor.from_kernel(data, 1, channels))
            else:
                outputs.append(self._check_bits(given, images))
        return outputs, [part.data if isinstance(part, BitTensor) else part for part in outputs]

    def as_given(self, out: Any) -> tuple[Any, ...]:
        """Make one given output, or None, of each epilogue.

        Raises:
            EpilogueError: `out` is no tuple of as many as there are epilogues.
        """
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

    def finish(self, outputs: list[Output]) -> Any:
        """Return what the caller expects, after the kernel ran: the only output, or a tuple."""
        return outputs[0] if self.single else tuple(outputs)

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
