"""What a convolution on a GPU makes of its counts, and where that goes."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen

from bnas.binops.epilogues import Threshold
from bnas.binops.errors import EpilogueError

#: Activation -> float32 (O,) arrays that it needs, beside the scale.
ACTIVATIONS = {"none": 0, "relu": 0, "rprelu": 3, "affine": 2}


@frozen(eq=False)
class FloatThreshold:
    """Bits of floats: ``(value >= threshold) ^ flip``.

    Args:
        threshold: float32 (O,); infinities make a channel constant.
        flip: bool (O,).
    """

    threshold: np.ndarray
    flip: np.ndarray


@frozen(eq=False)
class FloatOutput:
    """Floats: ``activation(float32(count) * scale)``, stored or added to what is there.

    Every operation rounds to float32 by itself. "relu" is max(v, 0); "rprelu" takes shift_in,
    slope, shift_out (``prelu(v - shift_in; slope) + shift_out``); "affine" multiplier and offset.

    Args:
        scale: float32 (O,).
        activation: "none", "relu", "rprelu" or "affine".
        parameters: float32 (O,) each.
        adds: Add to what is there.
        packs: Comparisons of what is there afterwards; each makes the bits of one reader.

    Raises:
        EpilogueError: An unknown activation, or parameters that are not its.
    """

    scale: np.ndarray
    activation: str = "none"
    parameters: tuple[np.ndarray, ...] = ()
    adds: bool = False
    packs: tuple[FloatThreshold, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Validate."""
        if self.activation not in ACTIVATIONS:
            raise EpilogueError(
                f"`activation` must be one of {', '.join(ACTIVATIONS)} (got {self.activation!r})",
                activation=self.activation,
            )
        if len(self.parameters) != ACTIVATIONS[self.activation]:
            raise EpilogueError(
                f"`parameters` of {self.activation} must be {ACTIVATIONS[self.activation]} arrays "
                f"(got {len(self.parameters)})",
                activation=self.activation,
            )


@frozen(eq=False)
class ConvOutputs:
    """All that is made of one computation of the counts.

    Args:
        counts: The counts themselves, int32.
        bits: Comparisons of the counts; each makes the bits of one reader.
        floats: Floats, and bits of these.
    """

    counts: bool = False
    bits: tuple[Threshold, ...] = ()
    floats: FloatOutput | None = None

    @property
    def packs(self) -> tuple[FloatThreshold, ...]:
        """The comparisons of the floats."""
        return self.floats.packs if self.floats is not None else ()

    def kind(self, *, is_planar: bool) -> OutputKind:
        """Return what a kernel is compiled for, for values plane by plane or pixel by pixel."""
        floats = self.floats
        return OutputKind(
            counts=self.counts,
            bits=len(self.bits),
            activation=floats.activation if floats is not None else "",
            adds=floats is not None and floats.adds,
            packs=len(self.packs),
            is_planar=is_planar,
        )


@frozen
class OutputKind:
    """Which outputs a kernel has, without their numbers.

    Attributes:
        counts: Whether the counts are kept.
        bits: Comparisons of counts.
        activation: That of the floats; empty without floats.
        adds: Whether floats are added.
        packs: Comparisons of floats.
        is_planar: Whether counts and floats lie plane by plane.
    """

    counts: bool
    bits: int
    activation: str
    adds: bool
    packs: int
    is_planar: bool = False

    @property
    def words(self) -> int:
        """Outputs of bits."""
        return self.bits + self.packs


@frozen
class WordPlace:
    """Pixel words (docs/adr/0012) in an array.

    Args:
        at: The first word of the first pixel.
        words: Words from pixel to pixel.
        first: The first word of a pixel that is meant.
    """

    at: int
    words: int
    first: int = 0


@frozen
class FloatPlace:
    """Values ``[N, H, W, channels]`` in an array, or some channels of them.

    Args:
        at: The first value of the first pixel.
        channels: Values from pixel to pixel.
        first: The first channel that is meant.
    """

    at: int
    channels: int
    first: int = 0

    def strides(self, pixels: int) -> tuple[int, int, int, int]:
        """Where channel 0 is, and the steps to the next image, pixel and channel."""
        return self.at + self.first, self.channels * pixels, self.channels, 1


@frozen
class PlanePlace:
    """Values ``[N, C, H, W]`` in an array.

    Args:
        at: The first value.
        image: Values from image to image.
        channel: Values from channel to channel.
    """

    at: int
    image: int
    channel: int

    def strides(self, pixels: int) -> tuple[int, int, int, int]:
        """Where channel 0 is, and the steps to the next image, pixel and channel."""
        return self.at, self.image, 1, self.channel


ValuePlace = FloatPlace | PlanePlace


@frozen
class ConvPlaces:
    """Where a convolution reads and writes.

    Args:
        source: The first word of the input, a multiple of 4: pixel words of all its channels.
        bits: One for each comparison of counts.
        floats: Where the floats go.
        packs: One for each comparison of floats.
        counts: Where the counts go; of the same kind as `floats`.
    """

    source: int = 0
    bits: tuple[WordPlace, ...] = ()
    floats: ValuePlace | None = None
    packs: tuple[WordPlace, ...] = ()
    counts: ValuePlace | None = None

    @property
    def is_planar(self) -> bool:
        """Whether counts and floats go to planes."""
        return isinstance(self.floats or self.counts, PlanePlace)


@frozen(eq=False)
class ConvArrays:
    """Device arrays of one axis that a convolution reads and writes; one may be two of them.

    Args:
        source: uint32.
        bits: uint32, what comparisons write.
        floats: float32.
        counts: int32.
    """

    source: Any
    bits: Any = field(default=None)
    floats: Any = field(default=None)
    counts: Any = field(default=None)
