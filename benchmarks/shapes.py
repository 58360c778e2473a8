"""`Shape`: the binary convolutions that are timed one by one, those of BNAS-A and of ResNet-18."""

from __future__ import annotations

from attrs import frozen

#: Layers of a chain: enough that its beginning and end do not count.
LAYERS = 16


@frozen
class Shape:
    """A convolution of stride 1 that keeps the size of the image.

    Attributes:
        kernel: Side of the window, odd.
        in_channels: Channels read.
        out_channels: Channels written.
        side: Side of the image in pixels.
    """

    kernel: int
    in_channels: int
    out_channels: int
    side: int

    @property
    def name(self) -> str:
        """Such as ``3x3 36-36 @32``."""
        window = f"{self.kernel}x{self.kernel}"
        return f"{window} {self.in_channels}-{self.out_channels} @{self.side}"

    @property
    def chain_name(self) -> str:
        """What a chain of such layers is called in records."""
        return f"{self.name}, one of {LAYERS}"

    @property
    def padding(self) -> int:
        """Zeros on every side."""
        return self.kernel // 2

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(O, I, K, K)."""
        return (self.out_channels, self.in_channels, self.kernel, self.kernel)

    def input_shape(self, batch: int) -> tuple[int, int, int, int]:
        """Return (N, C, H, W)."""
        return (batch, self.in_channels, self.side, self.side)

    def useful_bit_ops(self, batch: int) -> int:
        """Return multiply-accumulates of real inputs, those of padding left out."""
        reach = self.kernel // 2
        # Along one axis a tap at distance d from the centre lies inside at side - |d| places.
        along = sum(self.side - abs(tap) for tap in range(-reach, reach + 1))
        return batch * self.in_channels * self.out_channels * along**2


#: 3x3 of BNAS-A's three stages, 3x3 of ResNet-18's first three, and 1x1 of BNAS-A's preprocess.
SHAPES = (
    Shape(3, 36, 36, 32),
    Shape(3, 72, 72, 16),
    Shape(3, 144, 144, 8),
    Shape(3, 64, 64, 28),
    Shape(3, 128, 128, 14),
    Shape(3, 256, 256, 7),
    Shape(1, 144, 36, 32),
    Shape(1, 576, 144, 8),
)
#: Those of which chains are timed: as many channels out as in.
CHAINED = tuple(
    shape for shape in SHAPES if shape.kernel == 3 and shape.in_channels == shape.out_channels
)[1:]
