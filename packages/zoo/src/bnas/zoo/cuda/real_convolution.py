"""A convolution with real weights on a GPU: by cuDNN where torch is loaded, else by our kernel."""

from __future__ import annotations

from typing import Any

from bnas.binops.cuda.conv_outputs import FloatPlace
from bnas.binops.cuda.graph import Queued
from bnas.binops.cuda.pooling_kernels import PoolSizes
from bnas.binops.cuda.real_conv_kernel import RealTile, RealWeights, real_conv, tile_for
from bnas.zoo.cuda.torch_convolution import TorchConvolution, is_usable
from bnas.zoo.program.steps import RealConv


class RealConvolution:
    """A real convolution, its weights on the device.

    Args:
        step: The convolution.
    """

    def __init__(self, step: RealConv) -> None:
        """Let torch have the weights, if it is there."""
        self._step = step
        self._weights: dict[RealTile, RealWeights] = {}
        self._by_torch: TorchConvolution | None = None
        if is_usable():
            weight = step.folded_weight()
            self._by_torch = TorchConvolution(weight, step.bias, step.window, step.relu)

    def bind(self, floats: Any, source: FloatPlace, target: FloatPlace, sizes: PoolSizes) -> Queued:
        """Return the launch.

        Args:
            floats: float32 device array of one axis.
            source: What is read.
            target: What is written.
            sizes: Sizes and window.
        """
        if self._by_torch is not None:
            return self._by_torch.bind(floats, source, target, sizes)
        groups, outputs, _ = self._step.weight.shape
        weights = self._laid_out(tile_for(sizes.out_pixels, outputs, groups))
        return real_conv(floats, weights, source, target, sizes, is_relu=self._step.relu)

    def _laid_out(self, tile: RealTile) -> RealWeights:
        """Return the weights on the device, for blocks of this size."""
        if tile not in self._weights:
            step = self._step
            taps = step.window.kernel**2
            self._weights[tile] = RealWeights.of(step.folded_weight(), step.bias, taps, tile)
        return self._weights[tile]
