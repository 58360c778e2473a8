"""Epilogues: what becomes of the integer counts of a convolution, in the same pass over them."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from bnas.binops.arrays import as_array
from bnas.binops.errors import EpilogueError


@attrs.frozen(eq=False)
class Counts:
    """Keep the counts: int32 (N, O, H, W)."""


def _int32(value: object) -> np.ndarray:
    """Read int32 values; refuse what int32 cannot hold."""
    array = as_array(value, "threshold")
    limits = np.iinfo(np.int32)
    if array.dtype.kind == "f" or (
        array.size and not (limits.min <= array.min() and array.max() <= limits.max)
    ):
        raise EpilogueError(
            f"`threshold` must hold integers that fit int32 (got dtype {array.dtype})",
            dtype=array.dtype,
        )
    return np.ascontiguousarray(array, np.int32)


def _flip(value: object) -> np.ndarray:
    """Read a bool array."""
    array = as_array(value, "flip")
    if array.dtype != np.bool_:
        raise EpilogueError(
            f"`flip` must be a bool array (got dtype {array.dtype})", dtype=array.dtype
        )
    return np.ascontiguousarray(array)


def _scale(value: object) -> np.ndarray:
    """Read finite float32 values."""
    array = np.ascontiguousarray(as_array(value, "scale"), np.float32)
    if not np.isfinite(array).all():
        raise EpilogueError("`scale` must hold finite numbers (got NaN or infinity)")
    return array


@attrs.frozen(eq=False)
class Threshold:
    """Turn counts into the next layer's bits: ``(count >= threshold) ^ flip``.

    A threshold outside the range of counts makes the channel constant.

    Args:
        threshold: int32 (O,).
        flip: bool (O,).

    Raises:
        EpilogueError: Not integers that fit int32, not bools, or not of one length.
    """

    threshold: np.ndarray = attrs.field(converter=_int32)
    flip: np.ndarray = attrs.field(converter=_flip)

    def __attrs_post_init__(self) -> None:
        """Validate."""
        if self.threshold.ndim != 1 or self.threshold.shape != self.flip.shape:
            raise EpilogueError(
                "`threshold` and `flip` must be one-dimensional and of one length (got shapes "
                f"{self.threshold.shape} and {self.flip.shape})",
                shape=self.threshold.shape,
            )


@attrs.frozen(eq=False)
class Scale:
    """Turn counts into real numbers: ``float32(count) * scale``, rounded once.

    Then ReLU, ``v if v > 0 else 0``, if wanted; then the sum with what `out` holds, if wanted.
    Every step is one float32 operation, as NumPy does it.

    Args:
        scale: float32 (O,), finite.
        relu: Set what is not positive to 0.
        accumulate: Add into the `out` of the call, which must then be given.

    Raises:
        EpilogueError: `scale` is not finite, or not one-dimensional.
    """

    scale: np.ndarray = attrs.field(converter=_scale)
    relu: bool = False
    accumulate: bool = False

    def __attrs_post_init__(self) -> None:
        """Validate."""
        if self.scale.ndim != 1:
            raise EpilogueError(
                f"`scale` must be one-dimensional (got shape {self.scale.shape})",
                shape=self.scale.shape,
            )


Epilogue = Counts | Threshold | Scale


def as_epilogues(epilogue: Any, out_channels: int) -> tuple[Epilogue, ...]:
    """Read the `epilogue` argument of a plan.

    Args:
        epilogue: "int32", an epilogue, or a tuple of these.
        out_channels: Output channels of the convolution.

    Returns:
        At least one epilogue.

    Raises:
        EpilogueError: Unknown, or not of `out_channels` values.
    """
    parts = epilogue if isinstance(epilogue, tuple) else (epilogue,)
    if not parts:
        raise EpilogueError('`epilogue` must not be an empty tuple; "int32" keeps the counts')
    read = tuple(_as_epilogue(part, out_channels) for part in parts)
    if sum(isinstance(part, Counts) for part in read) > 1:
        raise EpilogueError("`epilogue` must name the counts once at most (got them twice)")
    return read


def _as_epilogue(part: Any, out_channels: int) -> Epilogue:
    """Read one epilogue."""
    if isinstance(part, str) and part == "int32":
        return Counts()
    if not isinstance(part, (Counts, Threshold, Scale)):
        raise EpilogueError(
            f'`epilogue` must be "int32", Counts(), Threshold(...), Scale(...) or a tuple of '
            f"these (got {part!r})",
            got=part,
        )
    values = getattr(part, "threshold", getattr(part, "scale", None))
    if values is not None and len(values) != out_channels:
        raise EpilogueError(
            f"`{type(part).__name__}` must have one value for each of the {out_channels} output "
            f"channels (got {len(values)})",
            got=len(values),
            out_channels=out_channels,
        )
    return part
