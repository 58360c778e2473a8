"""The steps of a packed program: what each does, reads and writes.

Float values live in planned buffers, bits in planes under the name of their sign. A `Place` is a
range of channels of one buffer, so that a step can write into a slot of a concatenation or add to
the residual stream in place. `bnas.zoo.program.writer` puts steps on a tape.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from attrs import frozen

from bnas.binops import tape
from bnas.zoo.program.thresholds import Affine, Cut


@frozen
class Place:
    """Channels `start` to `stop` of the float buffer `buffer`."""

    buffer: str
    start: int
    stop: int


class Step(Protocol):
    """One step; `reads` and `writes` are places of float buffers, for the plan of the memory."""

    @property
    def reads(self) -> tuple[Place, ...]:
        """Places that are read, those that are added to included."""

    @property
    def writes(self) -> tuple[Place, ...]:
        """Places that are written."""


@frozen(kw_only=True, eq=False)
class FloatStep:
    """Base of the steps that read and write float places only."""

    reads: tuple[Place, ...] = ()
    writes: tuple[Place, ...] = ()


@frozen(kw_only=True, eq=False)
class Bits:
    """An epilogue of counts: ``(count >= threshold) ^ flip``.

    Attributes:
        target: Name of the bits.
        cut: int32 thresholds and flips.
    """

    target: str
    cut: Cut


@frozen(kw_only=True, eq=False)
class Floats:
    """An epilogue of counts: ``activation(count * scale)``, stored or added.

    Attributes:
        target: Where.
        scale: float32 (O,).
        activation: "none", "relu", "rprelu" or "affine".
        parameters: float32 (O,) each: RPReLU's three, or multiplier and offset of a batch norm.
        adds: Add to what is there.
        packs: Comparisons of what is there afterwards, for all of its channels.
    """

    target: Place
    scale: np.ndarray
    activation: str = "none"
    parameters: tuple[np.ndarray, ...] = ()
    adds: bool = False
    packs: tuple[Pack, ...] = ()


@frozen(kw_only=True, eq=False)
class BinaryConv:
    """Binary convolution with all that is made of one computation of the counts.

    Attributes:
        source: Name of the bits it reads.
        geometry: Its sizes.
        weight: uint8 (O, ceil(I / 8), K, K), the signs, packed along the input channels.
        bits: Epilogues that make bits.
        floats: Epilogues that make floats.
    """

    source: str
    geometry: tape.ConvGeometry
    weight: np.ndarray
    bits: tuple[Bits, ...]
    floats: tuple[Floats, ...]

    @property
    def reads(self) -> tuple[Place, ...]:
        """Places that are added to."""
        return tuple(part.target for part in self.floats if part.adds)

    @property
    def writes(self) -> tuple[Place, ...]:
        """Float targets."""
        return tuple(part.target for part in self.floats)


@frozen(kw_only=True, eq=False)
class Pack:
    """Compare a float value with one threshold a channel and pack the bits.

    Attributes:
        source: The value, or some of its channels.
        target: Name of the bits.
        cut: float32 thresholds and flips, for the channels of `source`.
        first: The first of the target's channels that this makes; a multiple of four.
        constant: What it compares is 0 for every image: once is enough.
    """

    source: Place
    target: str
    cut: Cut
    first: int = 0
    constant: bool = False
    writes: tuple[Place, ...] = ()

    @property
    def reads(self) -> tuple[Place, ...]:
        """The source."""
        return (self.source,)


@frozen(kw_only=True, eq=False)
class PoolBits:
    """Max pooling of bits: OR, or AND where the following batch norm falls."""

    source: str
    target: str
    window: tape.Window
    falls: np.ndarray
    reads: tuple[Place, ...] = ()
    writes: tuple[Place, ...] = ()


@frozen(kw_only=True, eq=False)
class Unpack(FloatStep):
    """Bits -> ±1 in float32, for a convolution with real weights."""

    source: str


@frozen(kw_only=True, eq=False)
class Load(FloatStep):
    """Take over the images."""


@frozen(kw_only=True, eq=False)
class Fill(FloatStep):
    """Set to 0."""


@frozen(kw_only=True, eq=False)
class Copy(FloatStep):
    """Copy one place to another."""


@frozen(kw_only=True, eq=False)
class AddTo(FloatStep):
    """Add the first place read to the place written."""


@frozen(kw_only=True, eq=False)
class Scale(FloatStep):
    """Multiplier and offset per channel: a batch norm that no sign follows."""

    affine: Affine


@frozen(kw_only=True, eq=False)
class ReLU(FloatStep):
    """max(x, 0)."""


@frozen(kw_only=True, eq=False)
class RPReLU(FloatStep):
    """``prelu(x - shift_in; slope) + shift_out`` with three float32 arrays (C,)."""

    shift_in: np.ndarray
    slope: np.ndarray
    shift_out: np.ndarray


@frozen(kw_only=True, eq=False)
class RealConv(FloatStep):
    """Convolution with real weights, and the maps of batch norms around it.

    The maps stay apart from the weights until somebody wants the product: weights as they were
    trained fit into float16, products do not.

    Attributes:
        weight: float32 (groups, O / groups, I / groups * K * K), as the parameters have it.
        bias: float32 (O,) or None; all that the maps add is in it.
        window: Geometry.
        relu: Set what is not positive to 0.
        input_scale: float32 (I,), multiplier of each input channel, or None.
        output_scale: float32 (O,), multiplier of each output channel, or None.
    """

    weight: np.ndarray
    bias: np.ndarray | None
    window: tape.Window
    relu: bool = False
    input_scale: np.ndarray | None = None
    output_scale: np.ndarray | None = None

    def folded_weight(self) -> np.ndarray:
        """Return the weights with both multipliers in them, rounded to float32 after each."""
        weight = self.weight
        groups, outputs, depth = weight.shape
        if self.input_scale is not None:
            channels = len(self.input_scale) // groups
            taps = weight.reshape(groups, outputs, channels, depth // channels)
            weight = scaled(taps, self.input_scale.reshape(groups, 1, channels, 1))
            weight = weight.reshape(groups, outputs, depth)
        if self.output_scale is not None:
            weight = scaled(weight, self.output_scale.reshape(groups, outputs, 1))
        return weight


def scaled(weight: np.ndarray, multiplier: np.ndarray) -> np.ndarray:
    """Return products in float32, rounded once, of float32 arrays; in the shape of the first.

    The first may be the largest array of a network: its doubles are never there all at once.
    """
    products = np.empty(weight.shape, np.float32)
    np.multiply(weight, multiplier, out=products, dtype=np.float64, casting="same_kind")
    return products


@frozen(kw_only=True, eq=False)
class MaxPool(FloatStep):
    """Maximum over the taps inside the image."""

    window: tape.Window


@frozen(kw_only=True, eq=False)
class AvgPool(FloatStep):
    """Mean over the taps inside the image."""

    window: tape.Window


@frozen(kw_only=True, eq=False)
class GlobalAvgPool(FloatStep):
    """Mean over all pixels."""


@frozen(kw_only=True, eq=False)
class Linear(FloatStep):
    """Fully connected layer.

    Attributes:
        weight: float32 (O, I).
        bias: float32 (O,).
    """

    weight: np.ndarray
    bias: np.ndarray
