"""`FusedNetwork`: a network trained on a CPU by fused passes over bfloat16 activations."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor, nn

from bnas.cells import GraphError, nodes
from bnas.cells.nn import Network, binarize_activation, binary_weight
from bnas.cells.nn.layers import BatchNorm2d, BinaryConv2d
from bnas.cells.prune import zero_channels
from bnas.search.fused.convolution import convolve_stream
from bnas.search.fused.functions import NormSign, ScaledReLU, channels_last, scaled
from bnas.search.fused.statistics import Reduce, Statistics
from bnas.search.fused.streams import Stream, add, expanded, in_half_precision, zeros_like


class FusedNetwork(nn.Module):
    """The training form of a network on CPUs: same parameters, same function, fewer passes.

    Activations are bfloat16, ±1 operands are exact, statistics and sums float32 or wider. Channels
    that are 0 whatever the parameters are neither stored nor convolved: what batch norm makes of
    them is a constant, whose convolution is computed for one image instead of all.

    Attributes:
        network: Owns all parameters and buffers.
    """

    def __init__(self, network: Network, all_reduce: Reduce | None = None) -> None:
        """Plan the passes.

        Args:
            network: On a CPU; without `official_sign`.
            all_reduce: Sums batch statistics over processes; None for those of this one.

        Raises:
            GraphError: The network takes sign(0) = 0, or its activations are not binary.
        """
        super().__init__()
        binary = [m for m in network.modules() if isinstance(m, BinaryConv2d)]
        if network.binarize == "none" or any(m.official_sign for m in binary):
            raise GraphError(
                "the fused form needs binary activations and `official_sign` = False "
                f"(got binarize={network.binarize!r}, "
                f"official_sign={any(m.official_sign for m in binary)})"
            )
        self.network = network
        self._all_reduce = all_reduce
        self._dead = {
            name: torch.tensor(zeros)
            for name, zeros in zero_channels(network.graph).items()
            if any(zeros)
        }
        consumers = network.graph.consumers()
        self._fused_into = {
            node.name: readers[0]
            for node in network.graph
            if len(readers := consumers[node.name]) == 1 and _fuses(node, readers[0])
        }

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, float32 (N, classes), of normalised images, float32 (N, 3, H, W)."""
        graph = self.network.graph
        values: dict[str, Any] = {graph.input.name: Stream(channels_last(images))}
        for node, module, last_reads in self.network.steps:
            value = self._run(node, module, [values[name] for name in node.inputs])
            if isinstance(value, Stream):
                live = self.network.drop_path(node.name, value.live)
                value = value if live is value.live else attrs.evolve(value, live=live)
            values[node.name] = value
            for name in last_reads:
                del values[name]
        logits: Tensor = values[graph.output].full().float().flatten(1)
        return logits

    def _run(self, node: nodes.Node, module: Any, inputs: list[Any]) -> Any:
        if node.name in self._fused_into:
            return (module, *inputs)
        if not isinstance(node, nodes.Linear):
            inputs = [in_half_precision(value) for value in inputs]
        dead = self._dead.get(node.name)
        if dead is not None and dead.all() and not isinstance(node, nodes.GlobalAvgPool):
            # Whatever the parameters are: neither convolved nor pooled, and for no gradient.
            shapes = tuple(stream.shape for stream in inputs)
            return zeros_like(inputs[0], node.infer(shapes), dead)
        if not isinstance(node, nodes.Conv | nodes.BinaryConv):
            inputs = [expanded(value) for value in inputs]
        match node:
            case nodes.Sign() if isinstance(inputs[0], tuple):
                norm, stream = inputs[0]
                return self._normalise(norm, stream, signed=True)
            case nodes.Sign():
                return Stream(module(inputs[0].full()))
            case nodes.BatchNorm():
                return self._normalise(module, inputs[0], signed=False)
            case nodes.BinaryConv():
                counts, scale, offset = self._counts(module, inputs[0])
                scaled_counts = counts.float() * scale[:, None, None] + offset[:, None, None]
                return Stream(channels_last(scaled_counts))
            case nodes.ReLU() if isinstance(inputs[0], tuple):
                return Stream(ScaledReLU.apply(*self._counts(*inputs[0])))
            case nodes.Conv():
                result = self._real_conv(module, node, inputs[0])
                # Groups of channels that are 0; where all are, nothing came here.
                return Stream(result, dead) if dead is None else Stream(result[:, ~dead], dead)
            case nodes.Concat():
                live = torch.cat([stream.live for stream in inputs if stream.live.shape[1]], dim=1)
                return Stream(live, dead)
            case nodes.Add():
                return add(inputs, dead)
            case nodes.GlobalAvgPool():
                return Stream(inputs[0].full().float().mean(dim=(2, 3), keepdim=True))
            case nodes.Linear():
                return Stream(module(inputs[0].full().float()))
            case nodes.RPReLU():
                # It shifts: what is 0 before it is not 0 after it.
                return Stream(channels_last(module(inputs[0].full())))
        stream = inputs[0]
        return Stream(channels_last(module(stream.live)), stream.dead)

    def _normalise(self, norm: BatchNorm2d, stream: Stream, signed: bool) -> Stream:
        weight: Tensor = torch.ones_like(norm.running_mean) if norm.weight is None else norm.weight
        bias: Tensor = torch.zeros_like(norm.running_mean) if norm.bias is None else norm.bias
        if not stream.live.shape[1]:
            stream = Stream(stream.full())  # There are no moments of no channels.
        dead, constants = stream.dead, None
        if dead is not None:
            constants = binarize_activation(bias[dead]) if signed else bias[dead]
            weight, bias = weight[~dead], bias[~dead]
        if not self.training:
            return Stream(_evaluated(norm, stream, signed), dead, constants)
        statistics = Statistics(norm, dead, self._all_reduce)
        live = NormSign.apply(stream.live, weight, bias, statistics, signed)
        return Stream(live, dead, constants)

    def _counts(self, module: Any, stream: Stream) -> tuple[Tensor, Tensor, Tensor]:
        """Return counts, scale and offset of a binary convolution, or of its first stage."""
        if module.real_weights:
            result, constant = convolve_stream(stream, module.weight, module.node)
            return result, torch.ones_like(constant), constant
        signs, scale = binary_weight(
            module.weight,
            official_gradient=module.official_gradient,
            official_centring=module.official_centring,
        )
        counts, constant = convolve_stream(stream, signs, module.node)
        return counts, scale, scale * constant

    def _real_conv(self, module: nn.Conv2d, node: nodes.Conv, stream: Stream) -> Tensor:
        result, constant = convolve_stream(stream, module.weight, node)
        if module.bias is not None:
            constant = constant + module.bias
        return result + constant.to(result.dtype)[:, None, None]


@torch.no_grad()
def _evaluated(norm: BatchNorm2d, stream: Stream, signed: bool) -> Tensor:
    """Return what `norm`, and the sign after it, make of live channels in evaluation."""
    parts = [part if stream.dead is None else part[~stream.dead] for part in norm.folded()]
    multiplier, offset = (part.double().numpy() for part in parts)
    return scaled(channels_last(stream.live), multiplier, offset, signed=signed)


def _fuses(node: nodes.Node, reader: nodes.Node) -> bool:
    if isinstance(node, nodes.BatchNorm):
        return isinstance(reader, nodes.Sign)
    return isinstance(node, nodes.BinaryConv) and isinstance(reader, nodes.ReLU)
