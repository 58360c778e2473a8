"""The node types of a network graph and the shape rule of each.

A node names its inputs; parameters (where it has any) are keyed by the node's own name. Shapes are
(channels, height, width) without the batch.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
from attrs import frozen

from bnas.cells.errors import GraphError

#: Channels, height and width of a value, of one image: without the batch.
Shape = tuple[int, int, int]
#: Which part of a network a node belongs to; counting rules tell parts apart. Cells have the roles
#: "preprocess" and "op" (an edge), residual blocks the role "block"; "skip" is what goes around
#: them, "join" where it comes together.
Role = Literal["stem", "preprocess", "op", "block", "skip", "join", "classifier"]


@frozen(kw_only=True)
class Node:
    """A value of the graph, computed from the values named in `inputs`.

    Attributes:
        name: Unique; the prefix of the node's parameters, such as ``cells.3.ops.1.conv``.
        inputs: Names of the nodes it reads, each defined before it.
        cell: Tap of the stage the node belongs to, such as ``stem`` or ``cell_03``.
        role: Part of the network the node belongs to.
    """

    has_parameters: ClassVar[bool] = False

    name: str
    inputs: tuple[str, ...] = ()
    cell: str = ""
    role: Role = "op"

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return the shape of the value, given the shapes of the inputs."""
        return shapes[0]

    def count_channels(self, inputs: tuple[int, ...]) -> int:
        """Return the channels of the value, given those of the inputs."""
        return inputs[0]

    def size_divisor(self) -> int | None:
        """Return d where the value has ceil(H / d) x ceil(W / d) pixels, None where it has not."""
        return 1

    def renamed(self, inputs: tuple[str, ...]) -> Node:
        """Return the same node reading other inputs."""
        return attrs.evolve(self, inputs=inputs)


def _window(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


@frozen(kw_only=True)
class Input(Node):
    """The images, float32, normalised."""

    channels: int = 3

    def count_channels(self, inputs: tuple[int, ...]) -> int:
        """Return `channels`."""
        return self.channels


@frozen(kw_only=True)
class _Windowed(Node):
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def size_divisor(self) -> int | None:
        """Return the stride, unless the padding is not that which keeps the size at stride 1."""
        keeps_size = 2 * self.padding == self.dilation * (self.kernel - 1)
        return self.stride if keeps_size else None

    def _sizes(self, shape: Shape) -> tuple[int, int]:
        height, width = (
            _window(size, self.kernel, self.stride, self.padding, self.dilation)
            for size in shape[1:]
        )
        if height < 1 or width < 1:
            raise GraphError(
                f"`{self.name}` ({self.kernel}x{self.kernel}, stride {self.stride}, padding "
                f"{self.padding}, dilation {self.dilation}) needs a larger input "
                f"(got {shape[1]}x{shape[2]})",
                node=self.name,
            )
        return height, width


@frozen(kw_only=True)
class Conv(_Windowed):
    """Convolution with real weights (O, I / groups, K, K); zero padding.

    Its input may be the output of a `Sign`: such a conv has 1-bit activations and real weights, as
    the last two convs of the published networks.
    """

    has_parameters: ClassVar[bool] = True

    in_channels: int
    out_channels: int
    groups: int = 1
    bias: bool = False

    def __attrs_post_init__(self) -> None:
        """Validate."""
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise GraphError(
                f"`groups` of `{self.name}` must divide its channels (got groups={self.groups}, "
                f"in_channels={self.in_channels}, out_channels={self.out_channels})",
                node=self.name,
            )

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return (out_channels, H', W')."""
        _require_channels(self, self.in_channels, shapes[0])
        return (self.out_channels, *self._sizes(shapes[0]))

    def count_channels(self, inputs: tuple[int, ...]) -> int:
        """Return `out_channels`."""
        return self.out_channels

    @property
    def weight_count(self) -> int:
        """Number of weights, bias apart."""
        return self.out_channels * self.in_channels // self.groups * self.kernel**2


@frozen(kw_only=True)
class BinaryConv(Conv):
    """Convolution of ±1 activations with ±1 weights, times one real scale per filter.

    A padded tap contributes 0. The input is the output of a `Sign`.
    """

    def as_real(self) -> Conv:
        """Return the same convolution with real weights."""
        return Conv(**attrs.asdict(self, recurse=False))


@frozen(kw_only=True)
class BatchNorm(Node):
    """Batch normalisation over (N, H, W), eps 1e-5, momentum 0.1."""

    has_parameters: ClassVar[bool] = True

    channels: int
    affine: bool = True

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return the input's shape."""
        _require_channels(self, self.channels, shapes[0])
        return shapes[0]


@frozen(kw_only=True)
class Sign(Node):
    """+1 where the input is >= 0, else -1."""


@frozen(kw_only=True)
class ReLU(Node):
    """max(x, 0)."""


@frozen(kw_only=True)
class RPReLU(Node):
    """``prelu(x - shift_in; slope) + shift_out`` with three parameters per channel.

    References:
        Liu et al., "ReActNet", ECCV 2020, Equation 4.
    """

    has_parameters: ClassVar[bool] = True

    channels: int

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return the input's shape."""
        _require_channels(self, self.channels, shapes[0])
        return shapes[0]


@frozen(kw_only=True)
class MaxPool(_Windowed):
    """Maximum over the taps inside the image."""

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return (C, H', W')."""
        return (shapes[0][0], *self._sizes(shapes[0]))


@frozen(kw_only=True)
class AvgPool(_Windowed):
    """Mean over the taps inside the image (padding is not counted)."""

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return (C, H', W')."""
        return (shapes[0][0], *self._sizes(shapes[0]))


@frozen(kw_only=True)
class Add(Node):
    """Sum of inputs of one shape, from left to right."""

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return the common shape."""
        if len(set(shapes)) != 1:
            listed = ", ".join(
                f"{name} {shape}" for name, shape in zip(self.inputs, shapes, strict=True)
            )
            raise GraphError(
                f"`{self.name}` adds values of different shapes ({listed}); the input size must "
                "be even wherever the network halves it",
                node=self.name,
            )
        return shapes[0]


@frozen(kw_only=True)
class Concat(Node):
    """Concatenation along the channels."""

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return (sum of channels, H, W)."""
        if len({shape[1:] for shape in shapes}) != 1:
            raise GraphError(
                f"`{self.name}` must concatenate values of one size (got {shapes})", node=self.name
            )
        return (self.count_channels(tuple(shape[0] for shape in shapes)), *shapes[0][1:])

    def count_channels(self, inputs: tuple[int, ...]) -> int:
        """Return the sum of the channels."""
        return sum(inputs)


@frozen(kw_only=True)
class Zero(Node):
    """Zeroise: zeros with `channels` channels; the input's size divided by `stride`, rounded up."""

    channels: int
    stride: int = 1

    def size_divisor(self) -> int | None:
        """Return the stride."""
        return self.stride

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return (channels, ceil(H / stride), ceil(W / stride))."""
        _, height, width = shapes[0]
        return (self.channels, -(-height // self.stride), -(-width // self.stride))

    def count_channels(self, inputs: tuple[int, ...]) -> int:
        """Return `channels`."""
        return self.channels


@frozen(kw_only=True)
class Identity(Node):
    """The input itself."""


@frozen(kw_only=True)
class GlobalAvgPool(Node):
    """Mean over all pixels: (C, H, W) -> (C, 1, 1)."""

    def size_divisor(self) -> int | None:
        """Return None: one pixel is left whatever the size."""
        return None

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return (C, 1, 1)."""
        return (shapes[0][0], 1, 1)


@frozen(kw_only=True)
class Linear(Node):
    """Fully connected layer with bias, weights (out_features, in_features)."""

    has_parameters: ClassVar[bool] = True

    in_features: int
    out_features: int

    def size_divisor(self) -> int | None:
        """Return None: one pixel is left whatever the size."""
        return None

    def infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return (out_features, 1, 1)."""
        channels, height, width = shapes[0]
        if channels * height * width != self.in_features:
            raise GraphError(
                f"`{self.name}` takes {self.in_features} features "
                f"(got {channels}x{height}x{width})",
                node=self.name,
            )
        return (self.out_features, 1, 1)

    def count_channels(self, inputs: tuple[int, ...]) -> int:
        """Return `out_features`."""
        return self.out_features


def _require_channels(node: Node, channels: int, shape: Shape) -> None:
    if shape[0] != channels:
        raise GraphError(
            f"`{node.name}` takes {channels} channels (got {shape[0]})", node=node.name
        )
