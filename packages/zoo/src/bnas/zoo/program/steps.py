"""The steps of a packed program: what each reads, writes and does.

Float values live in planned buffers, bits in fresh `BitTensor`s. A `Place` is a range of channels
of one buffer, so that a step can write into a slot of a concatenation or add to the residual stream
in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from attrs import define, field, frozen

from bnas import binops
from bnas.zoo.program.thresholds import Affine, Cut


@frozen
class Place:
    """Channels `start` to `stop` of the float buffer `buffer`."""

    buffer: str
    start: int
    stop: int


@define
class Frame:
    """The values of one call.

    Attributes:
        floats: Buffer name -> float32 (N, C, H, W), C-contiguous.
        bits: Name -> bits (N, C, H, W) packed on axis 1.
        threads: Threads that kernels may use; None takes Numba's number.
    """

    floats: dict[str, np.ndarray]
    bits: dict[str, binops.BitTensor] = field(factory=dict)
    threads: int | None = None

    def view(self, place: Place) -> np.ndarray:
        """Return the channels that `place` names, as a view."""
        return self.floats[place.buffer][:, place.start : place.stop]


class Step(Protocol):
    """One step; `reads` and `writes` are places of float buffers, for the plan of the memory."""

    @property
    def reads(self) -> tuple[Place, ...]:
        """Places that are read, those that are added to included."""

    @property
    def writes(self) -> tuple[Place, ...]:
        """Places that are written."""

    def run(self, frame: Frame) -> None:
        """Do the step."""


@frozen(kw_only=True, eq=False)
class FloatStep:
    """Base of the steps that read and write float places only."""

    reads: tuple[Place, ...] = ()
    writes: tuple[Place, ...] = ()


@frozen(kw_only=True, eq=False)
class BinaryConv:
    """Binary convolution with all its epilogues from one computation of the counts.

    Attributes:
        plan: The kernel with its epilogues.
        source: Name of the bits it reads.
        targets: For each epilogue the name of the bits, or the place of the floats, that it makes.
        accumulates: Whether a float target is added to.
    """

    plan: binops.Conv2d
    source: str
    targets: tuple[str | Place, ...]
    accumulates: tuple[bool, ...]

    @property
    def reads(self) -> tuple[Place, ...]:
        """Places that are added to."""
        pairs = zip(self.targets, self.accumulates, strict=True)
        return tuple(target for target, adds in pairs if adds and isinstance(target, Place))

    @property
    def writes(self) -> tuple[Place, ...]:
        """Float targets."""
        return tuple(target for target in self.targets if isinstance(target, Place))

    def run(self, frame: Frame) -> None:
        """Convolve."""
        out = tuple(
            frame.view(target) if isinstance(target, Place) else None for target in self.targets
        )
        results = self.plan(frame.bits[self.source], out, threads=frame.threads)
        for target, result in zip(self.targets, results, strict=True):
            if isinstance(target, str):
                frame.bits[target] = result


@frozen(kw_only=True, eq=False)
class Pack:
    """Compare a float value with one threshold a channel and pack the bits."""

    source: Place
    target: str
    cut: Cut
    writes: tuple[Place, ...] = ()

    @property
    def reads(self) -> tuple[Place, ...]:
        """The source."""
        return (self.source,)

    def run(self, frame: Frame) -> None:
        """Pack."""
        values = np.ascontiguousarray(frame.view(self.source))
        frame.bits[self.target] = binops.pack(
            values, threshold=self.cut.threshold, flip=self.cut.flip, threads=frame.threads
        )


@frozen(kw_only=True, eq=False)
class PoolBits:
    """Max pooling of bits: OR, or AND where the following batch norm falls."""

    source: str
    target: str
    window: Mapping[str, int]
    falls: np.ndarray
    reads: tuple[Place, ...] = ()
    writes: tuple[Place, ...] = ()

    def run(self, frame: Frame) -> None:
        """Pool."""
        frame.bits[self.target] = binops.max_pool2d(
            frame.bits[self.source], invert=self.falls, threads=frame.threads, **self.window
        )


@frozen(kw_only=True, eq=False)
class Unpack(FloatStep):
    """Bits -> ±1 in float32, for a convolution with real weights."""

    source: str

    def run(self, frame: Frame) -> None:
        """Unpack."""
        frame.view(self.writes[0])[...] = binops.unpack(frame.bits[self.source])


@frozen(kw_only=True, eq=False)
class Fill(FloatStep):
    """Set to 0."""

    def run(self, frame: Frame) -> None:
        """Fill."""
        frame.view(self.writes[0])[...] = 0


@frozen(kw_only=True, eq=False)
class Copy(FloatStep):
    """Copy one place to another."""

    def run(self, frame: Frame) -> None:
        """Copy."""
        np.copyto(frame.view(self.writes[0]), frame.view(self.reads[0]))


@frozen(kw_only=True, eq=False)
class AddTo(FloatStep):
    """Add the first place read to the place written."""

    def run(self, frame: Frame) -> None:
        """Add."""
        target = frame.view(self.writes[0])
        np.add(target, frame.view(self.reads[0]), out=target)


@frozen(kw_only=True, eq=False)
class Scale(FloatStep):
    """Multiplier and offset per channel: a batch norm that no sign follows."""

    affine: Affine

    def run(self, frame: Frame) -> None:
        """Scale."""
        target = frame.view(self.writes[0])
        affine = self.affine
        np.multiply(frame.view(self.reads[0]), affine.multiplier[:, None, None], out=target)
        np.add(target, affine.offset[:, None, None], out=target)


@frozen(kw_only=True, eq=False)
class ReLU(FloatStep):
    """max(x, 0)."""

    def run(self, frame: Frame) -> None:
        """Rectify."""
        np.maximum(frame.view(self.reads[0]), np.float32(0), out=frame.view(self.writes[0]))


@frozen(kw_only=True, eq=False)
class RPReLU(FloatStep):
    """``prelu(x - shift_in; slope) + shift_out`` with three float32 arrays (C,)."""

    shift_in: np.ndarray
    slope: np.ndarray
    shift_out: np.ndarray

    def run(self, frame: Frame) -> None:
        """Apply."""
        frame.view(self.writes[0])[...] = rprelu(
            frame.view(self.reads[0]),
            *(part[:, None, None] for part in (self.shift_in, self.slope, self.shift_out)),
        )


def rprelu(
    values: np.ndarray, shift_in: np.ndarray, slope: np.ndarray, shift_out: np.ndarray
) -> np.ndarray:
    """Return ``prelu(values - shift_in; slope) + shift_out`` in float32."""
    shifted = values - shift_in
    return np.where(shifted >= 0, shifted, shifted * slope) + shift_out
