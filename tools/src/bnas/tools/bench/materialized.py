"""`materialize`: the fair float twin of a packed network, as a plain torch module.

The same pruned graph with its batch norms where they are; weights are ±scale, made once, and every
layer is torch's own, so that exporters and compilers know all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bnas.cells import nodes
from bnas.cells.nn import Network
from bnas.cells.nn.layers import BatchNorm2d, BinaryConv2d
from bnas.cells.nn.layers import Sign as TrainableSign

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork


class Sign(nn.Module):
    """+1 where the input is >= 0, else -1; without a gradient."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ±1 of the shape of `x`."""
        return torch.where(x >= 0, 1.0, -1.0)


class Zero(nn.Module):
    """Zeros made once, (N, C, H, W): a constant, that compilers may fold."""

    zeros: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("zeros", torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Return the zeros, whatever `x` is."""
        return self.zeros


def materialize(network: PackedNetwork, input_shape: tuple[int, ...]) -> nn.Module:
    """Return a module in evaluation mode that computes what the packed network does.

    Args:
        network: The packed network.
        input_shape: (N, 3, H, W) of the images.

    Returns:
        A traced module: straight code without the graph's bookkeeping. It takes float32 images of
        that shape and returns the logits (N, classes).

    Raises:
        GraphError: The network cannot take images of this size.
    """
    module = network.to_torch().eval()
    batch, _, height, width = input_shape
    shapes = module.graph.shapes((height, width))
    module.steps = [
        (node, _replace(module, node, layer, (batch, *shapes[node.name])), last_reads)
        for node, layer, last_reads in module.steps
    ]
    traced: nn.Module = torch.fx.symbolic_trace(module)
    return traced.eval().requires_grad_(False)


def _replace(
    network: Network, node: nodes.Node, layer: nn.Module, shape: tuple[int, ...]
) -> nn.Module:
    """Put torch's own layer in the place of `layer`, in the network's tree too."""
    plain = _plain(node, layer, shape)
    above, _, name = node.name.rpartition(".")
    network.get_submodule(above).add_module(name, plain)
    return plain


def _plain(node: nodes.Node, layer: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    match node, layer:
        case nodes.Zero(), _:
            return Zero(shape)
        case nodes.Conv(), BinaryConv2d():
            return _conv(node, layer)
        case _, BatchNorm2d():
            return _batch_norm(layer)
        case _, TrainableSign():
            return Sign()
    return layer


def _conv(node: nodes.Conv, layer: BinaryConv2d) -> nn.Conv2d:
    conv = nn.Conv2d(
        node.in_channels,
        node.out_channels,
        node.kernel,
        node.stride,
        node.padding,
        node.dilation,
        node.groups,
        bias=False,
    )
    signs = torch.where(layer.weight.detach() >= 0, 1.0, -1.0)
    conv.weight = nn.Parameter(signs * layer.weight_scale[:, None, None, None])
    return conv


def _batch_norm(layer: BatchNorm2d) -> nn.BatchNorm2d:
    plain = nn.BatchNorm2d(layer.num_features, layer.eps, affine=layer.affine)
    plain.load_state_dict(layer.state_dict())
    return plain
