"""A convolution with real weights on a GPU: by cuDNN where torch is loaded, else by our kernel."""

from __future__ import annotations

from typing import Any

from bnas.binops.cuda.conv_outputs import FloatPlace
from bnas.binops.cuda.graph import Queued
from bnas.binops.cuda.pooling_kernels import PoolSizes
from bnas.binops.cuda.real_conv_kernel import RealWeights, real_conv
from bnas.zoo.cuda import torch_convolution
from bnas.zoo.program.steps import RealConv


class RealConvolution:
    """A real convolution, its weights on the device.

    Args:
        step: The convolution.
    """

    def __init__(self, step: RealConv) -> None:
        """Copy the weights."""
        self._is_relu = step.relu
        weight, bias = step.folded_weight(), step.bias
        self._by_torch = None
        if torch_convolution.is_usable():
            self._by_torch = torch_convolution.TorchConvolution(
                weight, bias, step.window, step.relu
            )
        else:
            self._weights = RealWeights.of(weight, bias, step.window.kernel**2)

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
        return real_conv(floats, self._weights, source, target, sizes, is_relu=self._is_relu)
