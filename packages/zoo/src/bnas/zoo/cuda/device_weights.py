"""Weights on a GPU, laid out once for all numbers of images."""

from __future__ import annotations

from attrs import define, field

from bnas.binops.cuda.conv_outputs import ConvOutputs, FloatOutput, FloatThreshold
from bnas.binops.cuda.conv_plan import PixelConv
from bnas.binops.epilogues import Threshold
from bnas.zoo.cuda.real_convolution import RealConvolution
from bnas.zoo.program import steps as kinds


@define
class DeviceWeights:
    """What steps need on the device for any number of images, made when it is first asked for.

    Args:
        capability: Compute capability of the GPU.
    """

    capability: tuple[int, int]
    _convs: dict[int, tuple[PixelConv, ...]] = field(factory=dict)
    _real: dict[int, RealConvolution] = field(factory=dict)

    def binary(self, step: kinds.BinaryConv) -> tuple[PixelConv, ...]:
        """Return a convolution for every float output; the first makes the bits too."""
        if id(step) not in self._convs:
            bits = tuple(Threshold(part.cut.threshold, part.cut.flip) for part in step.bits)
            floats: list[FloatOutput | None] = [_float_output(part) for part in step.floats]
            self._convs[id(step)] = tuple(
                PixelConv(
                    step.geometry,
                    step.weight,
                    ConvOutputs(bits=() if index else bits, floats=part),
                    self.capability,
                )
                for index, part in enumerate(floats or [None])
            )
        return self._convs[id(step)]

    def real(self, step: kinds.RealConv) -> RealConvolution:
        """Return a convolution with real weights."""
        if id(step) not in self._real:
            self._real[id(step)] = RealConvolution(step)
        return self._real[id(step)]


def _float_output(part: kinds.Floats) -> FloatOutput:
    packs = tuple(FloatThreshold(pack.cut.threshold, pack.cut.flip) for pack in part.packs)
    return FloatOutput(part.scale, part.activation, part.parameters, part.adds, packs)
