"""The geometry of a 2-D convolution: sizes, validated once, and which taps fall on padding."""

from __future__ import annotations

import attrs
import numpy as np

from bnas.binops.bits import byte_count
from bnas.binops.errors import GeometryError, ShapeError

Pair = int | tuple[int, int]


def as_pair(value: object, name: str, minimum: int) -> tuple[int, int]:
    """Read an int or a pair of ints, (height, width).

    Args:
        value: What the caller gave.
        name: The argument's name, for the message.
        minimum: The least value allowed.

    Returns:
        (height, width).

    Raises:
        GeometryError: Neither an int nor two ints, or one is below `minimum`.
    """
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    good = len(pair) == 2 and all(
        isinstance(part, (int, np.integer)) and not isinstance(part, bool) for part in pair
    )
    if not good or min(pair) < minimum:
        raise GeometryError(
            f"`{name}` must be an int or a pair of ints, each at least {minimum} (got {value!r})",
            name=name,
            value=value,
        )
    return int(pair[0]), int(pair[1])


def window_count(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Positions of a window along one axis; below 1 where it does not fit."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


@attrs.frozen
class ConvGeometry:
    """Sizes of one 2-D convolution; everything but the batch size. Pairs are (height, width).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        in_size: Height and width of the input, pixels.
        kernel: Height and width of the kernel, taps.
        stride: Steps between outputs, pixels.
        padding: Zeros added on every side, pixels.
        dilation: Steps between taps, pixels.
        groups: Number of groups; divides both channel counts.

    Raises:
        GeometryError: `groups` does not divide the channels, or the kernel is larger than the
            padded input.
    """

    in_channels: int
    out_channels: int
    in_size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    def __attrs_post_init__(self) -> None:
        """Validate."""
        if min(self.out_size) < 1:
            raise GeometryError(
                f"the kernel must fit the padded input (got kernel={self.kernel}, dilation="
                f"{self.dilation}, input size={self.in_size}, padding={self.padding})",
                kernel=self.kernel,
                in_size=self.in_size,
            )

    @property
    def out_size(self) -> tuple[int, int]:
        """Height and width of the output, pixels."""
        height, width = (
            window_count(*axis)
            for axis in zip(
                self.in_size, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        return height, width

    @property
    def group_channels(self) -> int:
        """Input channels that one output channel reads."""
        return self.in_channels // self.groups

    @property
    def group_bytes(self) -> int:
        """Bytes that hold them."""
        return byte_count(self.group_channels)

    @property
    def dot_length(self) -> int:
        """Signs in one dot product where no tap is padding."""
        return self.group_channels * self.kernel[0] * self.kernel[1]

    def valid_taps(self, axis: int) -> np.ndarray:
        """Which taps fall inside the image.

        Args:
            axis: 0 for height, 1 for width.

        Returns:
            bool array (out_size[axis], kernel[axis]).
        """
        starts = np.arange(self.out_size[axis]) * self.stride[axis] - self.padding[axis]
        where = starts[:, None] + np.arange(self.kernel[axis]) * self.dilation[axis]
        return (where >= 0) & (where < self.in_size[axis])


def conv_geometry(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> ConvGeometry:
    """Check the shapes of a convolution against each other.

    Args:
        x_shape: Input, (C, H, W) or (N, C, H, W).
        w_shape: Weights, (O, C / groups, KH, KW).
        stride: Steps between outputs.
        padding: Zeros on every side.
        dilation: Steps between taps.
        groups: Number of groups.

    Returns:
        The geometry.

    Raises:
        ShapeError: An input or weight shape that is not possible.
        GeometryError: A stride, padding, dilation, groups or kernel that is not possible.
    """
    if len(x_shape) not in (3, 4) or min(x_shape[-3:], default=0) < 1:
        raise ShapeError(
            f"the input must be (N, C, H, W) or (C, H, W) with C, H, W at least 1 (got {x_shape})",
            shape=x_shape,
        )
    if len(w_shape) != 4 or min(w_shape) < 1:
        raise ShapeError(
            f"the weights must be (O, C/groups, KH, KW), each at least 1 (got {w_shape})",
            shape=w_shape,
        )
    _check_channels(x_shape[-3], w_shape, groups)
    return ConvGeometry(
        in_channels=x_shape[-3],
        out_channels=w_shape[0],
        in_size=(x_shape[-2], x_shape[-1]),
        kernel=(w_shape[2], w_shape[3]),
        stride=as_pair(stride, "stride", 1),
        padding=as_pair(padding, "padding", 0),
        dilation=as_pair(dilation, "dilation", 1),
        groups=int(groups),
    )


def _check_channels(in_channels: int, w_shape: tuple[int, ...], groups: object) -> None:
    """Refuse groups that do not divide the channels, and weights for other channels."""
    if not isinstance(groups, (int, np.integer)) or isinstance(groups, bool) or groups < 1:
        raise GeometryError(
            f"`groups` must be an int of at least 1 (got {groups!r})", groups=groups
        )
    for name, channels in (("in_channels", in_channels), ("out_channels", w_shape[0])):
        if channels % groups:
            raise GeometryError(
                f"`groups` must divide `{name}` (got groups={groups}, {name}={channels})",
                groups=groups,
                channels=channels,
            )
    if w_shape[1] * groups != in_channels:
        raise ShapeError(
            f"the weights must have in_channels/groups = {in_channels // groups} input channels "
            f"(got weights {w_shape} for in_channels={in_channels}, groups={groups})",
            shape=w_shape,
            in_channels=in_channels,
        )
