"""A packed network in OpenVINO with 1-bit convolutions: the strongest peer, built by hand.

OpenVINO's first operator set has a BinaryConvolution, which its CPU plugin runs on packed bits; no
converter makes it. Batch norm and sign become one FakeQuantize of two levels, a threshold each
channel.

OpenVINO 2026.4 computes something else where input channels are no multiple of 8. There, channels
that are always -1 are added, with as many weights +1 as -1, which cancel out exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
from openvino import opset1, opset8

from bnas import binops, zoo
from bnas.cells import GraphError, nodes
from bnas.tools.bench.jobs import Subject
from bnas.tools.bench.openvino_network import subject
from bnas.tools.bench.strict_cut import JUST_BELOW_0, strict_cut

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork


#: Input channels of OpenVINO's 1-bit convolutions come in such blocks.
_CHANNEL_BLOCK = 8


def make(*, inputs: list[Any], threads: int, weights: str) -> Subject:
    """Return the network of a weights file, compiled.

    Args:
        inputs: Images, float32 (N, 3, H, W) each.
        threads: For inference.
        weights: The file.
    """
    builder = _Builder(zoo.load_file(weights), inputs[0].shape)
    made = subject(builder.model(), inputs, threads)
    # The model's weights lie in these arrays, so they live as long as the call.
    made.note = f"{len(builder.kept)} 1-bit convolutions"
    made.call = _keeping(made.call, builder.kept)
    return made


def _keeping(call: Callable[[Any], Any], kept: list[np.ndarray]) -> Callable[[Any], Any]:
    def keeping(images: Any) -> Any:
        assert kept
        return call(images)

    return keeping


def added_channels(channels: int) -> int:
    """Return how many channels fill a multiple of 8.

    Raises:
        GraphError: An odd number, of which weights cannot cancel out.
    """
    added = -channels % _CHANNEL_BLOCK
    if added % 2:
        raise GraphError(
            f"OpenVINO's 1-bit convolutions need an even number of channels (got {channels})"
        )
    return added


def binarized(value: Any, threshold: np.ndarray, flip: np.ndarray) -> Any:
    """Return 1 where ``value > threshold``, else 0; the other way round where `flip`.

    Args:
        value: A node of float32 (N, C, H, W).
        threshold: float32 (C,).
        flip: bool (C,).

    Returns:
        A node of 0 and 1; its channels are a multiple of 8, those added are 0.
    """
    if added := added_channels(len(threshold)):
        value = opset1.pad(value, [0] * 4, [0, added, 0, 0], "constant", np.float32(0))
        threshold = np.pad(threshold, (0, added), constant_values=1)
        flip = np.pad(flip, (0, added))
    cut = _channels(threshold)
    low, high = _channels(flip.astype(np.float32)), _channels(1 - flip.astype(np.float32))
    return opset1.fake_quantize(value, cut, cut, low, high, levels=2)


def binary_convolution(
    bits: Any, signs: np.ndarray, kept: list[np.ndarray], *, stride: int = 1, padding: int = 0,
    dilation: int = 1,
) -> Any:  # fmt: skip
    """Return the counts of matches minus mismatches, float32 (N, O, H', W'); padding counts 0.

    Args:
        bits: What `binarized` returned.
        signs: Weights (O, C, K, K), binarised by ``>= 0``.
        kept: The packed weights are added here; they must outlive the model.
        stride: In pixels, as padding and dilation.
        padding: Zeros on every side.
        dilation: Distance of the taps.
    """
    added = added_channels(signs.shape[1])
    signs = _filled(signs, 1)
    signs[:, signs.shape[1] - added // 2 :] = -1  # half of those added, none if there are none
    packed = np.packbits(signs.reshape(-1) >= 0, bitorder="little")
    kept.append(packed)
    tensor = ov.Tensor(packed, ov.Shape(list(signs.shape)), ov.Type.u1)
    return opset1.binary_convolution(
        bits,
        ov.op.Constant(tensor),
        [stride] * 2,
        [padding] * 2,
        [padding] * 2,
        [dilation] * 2,
        "xnor-popcount",
        0.0,
    )


def _filled(weights: np.ndarray, value: int) -> np.ndarray:
    """Return weights (O, I, K, K) for the channels that `binarized` adds too."""
    added = added_channels(weights.shape[1])
    return np.pad(weights, ((0, 0), (0, added), (0, 0), (0, 0)), constant_values=value)


def _channels(values: np.ndarray) -> Any:
    return opset1.constant(np.asarray(values, np.float32).reshape(1, -1, 1, 1))


class _Builder:
    """Goes through the pruned graph once.

    Attributes:
        kept: Packed weights, which must outlive the model.
    """

    def __init__(self, network: PackedNetwork, input_shape: tuple[int, ...]) -> None:
        self.kept: list[np.ndarray] = []
        self._parameters = network.parameters
        self._graph = network.parameters.graph
        self._batch = input_shape[0]
        self._shapes = self._graph.shapes((input_shape[2], input_shape[3]))
        self._images = opset1.parameter(list(input_shape), np.float32)
        self._values: dict[str, Any] = {self._graph.input.name: self._images}

    def model(self) -> ov.Model:
        """Return the model; its output is (N, classes)."""
        for node in self._graph.nodes[1:]:
            self._values[node.name] = self._node(node, [self._values[i] for i in node.inputs])
        return ov.Model([self._values[self._graph.output]], [self._images])

    def _node(self, node: nodes.Node, inputs: list[Any]) -> Any:
        match node:
            case nodes.Sign():
                return self._sign(node)
            case nodes.Conv():
                return self._conv(node, inputs[0])
            case nodes.BatchNorm():
                affine = self._parameters.affine(node)
                scaled = opset1.multiply(inputs[0], _channels(affine.multiplier))
                return opset1.add(scaled, _channels(affine.offset))
            case nodes.ReLU():
                return opset1.relu(inputs[0])
            case nodes.RPReLU():
                return self._rprelu(node, inputs[0])
            case nodes.MaxPool() | nodes.AvgPool():
                return _pool(node, inputs[0])
            case nodes.Add():
                total = inputs[0]
                for other in inputs[1:]:
                    total = opset1.add(total, other)
                return total
            case nodes.Concat():
                return opset1.concat(inputs, 1)
            case nodes.Zero():
                shape = (self._batch, *self._shapes[node.name])
                return opset1.constant(np.zeros(shape, np.float32))
            case nodes.Identity():
                return inputs[0]
            case nodes.GlobalAvgPool():
                return opset1.reduce_mean(inputs[0], np.array([2, 3]), keep_dims=False)
            case nodes.Linear():
                product = opset1.matmul(inputs[0], self._real(node, "weight"), False, True)
                return opset1.add(product, self._real(node, "bias"))
        raise GraphError(f"`{node.name}`: no OpenVINO operator for {type(node).__name__}")

    def _sign(self, node: nodes.Sign) -> Any:
        """Return bits: of the batch norm's input, if there is one before the sign."""
        before = self._graph[node.inputs[0]]
        if not isinstance(before, nodes.BatchNorm):
            channels = self._shapes[node.name][0]
            cut = np.full(channels, JUST_BELOW_0)
            return binarized(self._values[before.name], cut, np.zeros(channels, np.bool_))
        affine = self._parameters.affine(before)
        cut, flip = strict_cut(affine.multiplier, affine.offset)
        return binarized(self._values[before.inputs[0]], cut, flip)

    def _conv(self, node: nodes.Conv, value: Any) -> Any:
        if isinstance(node, nodes.BinaryConv):
            if node.groups != 1:
                raise GraphError(f"`{node.name}`: no groups in OpenVINO (got {node.groups})")
            signs = binops.unpack(self._parameters.bits(node.name))
            geometry = {"stride": node.stride, "padding": node.padding, "dilation": node.dilation}
            counts = binary_convolution(value, signs, self.kept, **geometry)
            scale = self._parameters.real(f"{node.name}.weight_scale")
            return opset1.multiply(counts, _channels(scale))
        weight = self._parameters.real(f"{node.name}.weight")
        if isinstance(self._graph[node.inputs[0]], nodes.Sign):  # real weights on ±1, not on 0, 1
            value = opset1.subtract(opset1.multiply(value, np.float32(2)), np.float32(1))
            weight = _filled(weight, 0)
        made = opset1.convolution(
            value,
            opset1.constant(weight),
            [node.stride] * 2,
            [node.padding] * 2,
            [node.padding] * 2,
            [node.dilation] * 2,
        )
        if not node.bias:
            return made
        return opset1.add(made, _channels(self._parameters.real(f"{node.name}.bias")))

    def _rprelu(self, node: nodes.RPReLU, value: Any) -> Any:
        parts = (self._parameters.real(f"{node.name}.{part}") for part in
                 ("shift_in", "slope", "shift_out"))  # fmt: skip
        shift_in, slope, shift_out = parts
        shifted = opset1.subtract(value, _channels(shift_in))
        return opset1.add(opset1.prelu(shifted, opset1.constant(slope)), _channels(shift_out))

    def _real(self, node: nodes.Node, part: str) -> Any:
        return opset1.constant(self._parameters.real(f"{node.name}.{part}"))


def _pool(node: nodes.MaxPool | nodes.AvgPool, value: Any) -> Any:
    window = ([node.stride] * 2, [node.padding] * 2, [node.padding] * 2, [node.kernel] * 2)
    if isinstance(node, nodes.AvgPool):
        return opset1.avg_pool(value, *window, exclude_pad=True)
    strides, before, after, kernel = window
    pooled = opset8.max_pool(value, strides, [node.dilation] * 2, before, after, kernel)
    return pooled.output(0)
