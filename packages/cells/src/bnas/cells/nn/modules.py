"""`module_of`: the torch module of a node of the graph."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bnas.cells import nodes
from bnas.cells.errors import GraphError
from bnas.cells.nn.layers import BatchNorm2d, BinaryConv2d, RPReLU, Sign
from bnas.cells.nn.pooling import average_pool


def module_of(
    node: nodes.Node,
    *,
    real_weights: bool,
    official_sign: bool,
    official_gradient: bool,
    official_centring: bool,
) -> nn.Module:
    """Return the module that computes a node from its inputs, with fresh weights.

    Args:
        node: The node.
        real_weights: Leave the weights of binary convolutions real.
        official_sign: Take sign(0) = 0.
        official_gradient: Multiply weight gradients by n * (1 - 1/C_in).
        official_centring: Centre latent weights of one input channel too.

    Raises:
        GraphError: No module computes such a node.
    """
    match node:
        case nodes.BinaryConv():
            return BinaryConv2d(
                node,
                real_weights=real_weights,
                official_sign=official_sign,
                official_gradient=official_gradient,
                official_centring=official_centring,
            )
        case nodes.Conv():
            return _conv(node)
        case nodes.BatchNorm():
            return BatchNorm2d(node.channels, node.affine)
        case nodes.Sign():
            return Sign(official_sign=official_sign)
        case nodes.ReLU():
            return nn.ReLU()
        case nodes.RPReLU():
            return RPReLU(node.channels)
        case nodes.MaxPool():
            return _MaxPool(node)
        case nodes.AvgPool():
            return _AvgPool(node)
        case nodes.Add():
            return _Add()
        case nodes.Concat():
            return _Concat()
        case nodes.Zero():
            return _Zero(node)
        case nodes.Identity():
            return nn.Identity()
        case nodes.GlobalAvgPool():
            return _GlobalAvgPool()
        case nodes.Linear():
            return _Linear(node.in_features, node.out_features)
    raise GraphError(f"`{node.name}`: no torch module for {type(node).__name__}")


class _Add(nn.Module):
    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = first + other
        return first


class _Concat(nn.Module):
    def forward(self, *values: Tensor) -> Tensor:
        return torch.cat(values, dim=1)


class _Zero(nn.Module):
    def __init__(self, node: nodes.Zero) -> None:
        super().__init__()
        self.node = node

    def forward(self, x: Tensor) -> Tensor:
        images, channels, height, width = x.shape
        kind = x.device.type
        casts = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        # Exact in every dtype; in float32 they would make all float32 that they are joined with.
        dtype = torch.get_autocast_dtype(kind) if casts else x.dtype
        shape = self.node.infer(((channels, height, width),))
        return x.new_zeros((images, *shape), dtype=dtype)


class _MaxPool(nn.Module):
    def __init__(self, node: nodes.MaxPool) -> None:
        super().__init__()
        self.node = node

    def forward(self, x: Tensor) -> Tensor:
        node = self.node
        return functional.max_pool2d(x, node.kernel, node.stride, node.padding, node.dilation)


class _AvgPool(nn.Module):
    def __init__(self, node: nodes.AvgPool) -> None:
        super().__init__()
        if node.dilation != 1:
            raise GraphError(f"`{node.name}`: average pools have no dilation (got {node.dilation})")
        self.node = node

    def forward(self, x: Tensor) -> Tensor:
        node = self.node
        return average_pool(x, node.kernel, node.stride, node.padding)


class _GlobalAvgPool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3), keepdim=True)


class _Linear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))[:, :, None, None]


def _conv(node: nodes.Conv) -> nn.Conv2d:
    return nn.Conv2d(
        node.in_channels,
        node.out_channels,
        node.kernel,
        node.stride,
        node.padding,
        node.dilation,
        node.groups,
        node.bias,
    )
