"""The steps with real weights and windows: convolutions through BLAS, pooling, the classifier."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.lib.stride_tricks import sliding_window_view

from bnas.zoo.program.steps import FloatStep, Frame


@frozen(kw_only=True)
class Window:
    """Geometry of a square window, in pixels."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def taps(self, values: np.ndarray, padding_value: float) -> np.ndarray:
        """Return the taps (N, C, OH, OW, K, K) of values (N, C, H, W), as a view where possible."""
        if self.padding:
            sides = (self.padding, self.padding)
            values = np.pad(values, ((0, 0), (0, 0), sides, sides), constant_values=padding_value)
        extent = self.dilation * (self.kernel - 1) + 1
        windows = sliding_window_view(values, (extent, extent), axis=(2, 3))
        return windows[:, :, :: self.stride, :: self.stride, :: self.dilation, :: self.dilation]


@frozen(kw_only=True, eq=False)
class RealConv(FloatStep):
    """Convolution with real weights as one matrix product per image and group.

    Attributes:
        weight: float32 (groups, O / groups, I / groups * K * K).
        bias: float32 (O,) or None.
        window: Geometry.
    """

    weight: np.ndarray
    bias: np.ndarray | None
    window: Window

    def run(self, frame: Frame) -> None:
        """Convolve."""
        source, target = frame.view(self.reads[0]), frame.view(self.writes[0])
        taps = self.window.taps(source, 0.0).transpose(0, 1, 4, 5, 2, 3)
        groups, out_channels, length = self.weight.shape
        columns = np.ascontiguousarray(taps).reshape(len(source), groups, length, -1)
        product = np.matmul(self.weight, columns)
        target[...] = product.reshape(len(source), groups * out_channels, *target.shape[2:])
        if self.bias is not None:
            np.add(target, self.bias[:, None, None], out=target)


@frozen(kw_only=True, eq=False)
class MaxPool(FloatStep):
    """Maximum over the taps inside the image."""

    window: Window

    def run(self, frame: Frame) -> None:
        """Pool."""
        taps = self.window.taps(frame.view(self.reads[0]), -np.inf)
        np.max(taps, axis=(4, 5), out=frame.view(self.writes[0]))


@frozen(kw_only=True, eq=False)
class AvgPool(FloatStep):
    """Mean over the taps inside the image."""

    window: Window

    def run(self, frame: Frame) -> None:
        """Pool."""
        source, target = frame.view(self.reads[0]), frame.view(self.writes[0])
        inside = self.window.taps(np.ones((1, 1, *source.shape[2:]), np.float32), 0.0)
        taps = self.window.taps(source, 0.0)
        target[...] = 0
        for row in range(self.window.kernel):
            for column in range(self.window.kernel):
                np.add(target, taps[..., row, column], out=target)
        np.divide(target, inside.sum(axis=(4, 5)), out=target)


@frozen(kw_only=True, eq=False)
class GlobalAvgPool(FloatStep):
    """Mean over all pixels."""

    def run(self, frame: Frame) -> None:
        """Pool."""
        source = frame.view(self.reads[0])
        frame.view(self.writes[0])[...] = source.mean(axis=(2, 3), keepdims=True)


@frozen(kw_only=True, eq=False)
class Linear(FloatStep):
    """Fully connected layer.

    Attributes:
        weight: float32 (O, I).
        bias: float32 (O,).
    """

    weight: np.ndarray
    bias: np.ndarray

    def run(self, frame: Frame) -> None:
        """Multiply."""
        features = frame.view(self.reads[0]).reshape(-1, self.weight.shape[1])
        frame.view(self.writes[0])[:, :, 0, 0] = features @ self.weight.T + self.bias
