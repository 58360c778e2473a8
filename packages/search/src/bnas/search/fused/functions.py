"""The fused passes as differentiable functions of channels-last bfloat16 tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bnas.cells.folding import BATCH_NORM_EPS
from bnas.search.fused import kernels

#: bfloat16 values in the widest vector register that the kernels are compiled for.
_LANES = 32

Channels = NDArray[np.float64]

#: What diverges has sums of infinities, whose warnings say nothing that the loop does not: it stops
#: at a loss, parameter or statistic that is not finite, and names the step.
_quiet = np.errstate(invalid="ignore", over="ignore")


def flat(activations: Tensor) -> NDArray[np.uint16]:
    """Return the bits of bfloat16 (N, C, H, W) in the order N, H, W, C, without a copy.

    Args:
        activations: Contiguous in torch's channels-last memory format.
    """
    return activations.permute(0, 2, 3, 1).view(-1).view(torch.int16).numpy().view(np.uint16)


def channels_last(activations: Tensor) -> Tensor:
    """Return `activations` as bfloat16 in channels-last memory format, copied only if need be."""
    return activations.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


def scaled(x: Tensor, multiplier: Channels, offset: Channels, *, signed: bool) -> Tensor:
    """Return x * multiplier + offset, or its sign in ±1.

    Args:
        x: bfloat16 (N, C, H, W), channels last.
        multiplier: Per channel (C,).
        offset: Per channel (C,).
        signed: Whether to take the sign.
    """
    out = torch.empty_like(x)
    kernel = kernels.signs if signed else kernels.affine
    kernel(flat(x), _tile(multiplier), _tile(offset), flat(out))
    return out


class NormSign(torch.autograd.Function):
    """sign(batch norm(x)) in ±1, or batch norm(x) itself, in training.

    The gradient of the sign is the straight-through one, of |batch norm(x)| < 1.
    """

    @staticmethod
    @_quiet
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, statistics: Any, signed: bool
    ) -> Tensor:
        """Normalise by the batch.

        Args:
            ctx: Keeps what the gradient needs.
            x: bfloat16 (N, C, H, W), channels last.
            weight: float32 (C,).
            bias: float32 (C,).
            statistics: `update(mean, variance, count)` is called with float64 (C,) of the batch.
            signed: Whether to take the sign.
        """
        channels = x.shape[1]
        x = channels_last(x)
        shift = statistics.shift.numpy()
        sums = _sums(channels)
        kernels.moments(flat(x), _tile(shift), sums)
        total, squares = _fold(sums, channels)
        count, total, squares = statistics.reduce(x.numel() // channels, total, squares)
        distance = total / count
        mean = shift + distance
        variance = np.maximum(squares / count - distance**2, 0)
        statistics.update(mean, variance, count)
        inverse = 1 / np.sqrt(variance + BATCH_NORM_EPS)
        multiplier = weight.detach().numpy() * inverse
        offset = bias.detach().numpy() - mean * multiplier
        ctx.save_for_backward(x)
        ctx.parts = (mean, inverse, multiplier, offset, count, statistics)
        ctx.bound = 1.0 if signed else math.inf
        return scaled(x, multiplier, offset, signed=signed)

    @staticmethod
    @_quiet
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Return the gradients of x, weight and bias."""
        (x,) = ctx.saved_tensors
        grad = channels_last(grads[0])
        channels = x.shape[1]
        mean, inverse, multiplier, offset, count, statistics = ctx.parts
        bound = np.float32(ctx.bound)
        tiles = (_tile(multiplier), _tile(offset))
        sums = _sums(channels)
        kernels.norm_sums(flat(x), flat(grad), *tiles, _tile(mean), bound, sums)
        total, moment = _fold(sums, channels)
        moment = moment * inverse
        weight_grad, bias_grad = _tensor(moment), _tensor(total)
        _, total, moment = statistics.reduce(0, total, moment)
        slope = -multiplier * inverse * moment / count
        constant = -multiplier * total / count - slope * mean
        out = torch.empty_like(x)
        kernels.norm_grad(
            flat(x), flat(grad), *tiles, _tile(slope), _tile(constant), bound, flat(out)
        )
        return out, weight_grad, bias_grad, None, None


class ScaledReLU(torch.autograd.Function):
    """max(counts * scale + offset, 0)."""

    @staticmethod
    def forward(ctx: Any, counts: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
        """Scale, add, cut.

        Args:
            ctx: Keeps what the gradient needs.
            counts: bfloat16 (N, C, H, W).
            scale: float32 (C,).
            offset: float32 (C,).
        """
        counts = channels_last(counts)
        tiles = (_tile(scale.detach().numpy()), _tile(offset.detach().numpy()))
        ctx.save_for_backward(counts)
        ctx.tiles = tiles
        out = torch.empty_like(counts)
        kernels.scaled_relu(flat(counts), *tiles, flat(out))
        return out

    @staticmethod
    @_quiet
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of counts, scale and offset."""
        (counts,) = ctx.saved_tensors
        grad = channels_last(grads[0])
        sums = _sums(counts.shape[1])
        out = torch.empty_like(counts)
        kernels.scaled_relu_grad(flat(counts), flat(grad), *ctx.tiles, flat(out), sums)
        weighted, total = _fold(sums, counts.shape[1])
        return out, _tensor(weighted), _tensor(total)


class AddChannels(torch.autograd.Function):
    """`total` with `part` added to some of its channels."""

    @staticmethod
    def forward(ctx: Any, total: Tensor, part: Tensor, channels: Tensor) -> Tensor:
        """Add.

        Args:
            ctx: Keeps what the gradient needs.
            total: (N, C, H, W).
            part: (N, C', H, W).
            channels: int64 (C',), ascending: where the channels of `part` go.
        """
        ctx.channels = channels
        out = total.clone(memory_format=torch.preserve_format)
        first, count = int(channels[0]), len(channels)
        ctx.first = first if int(channels[-1]) - first + 1 == count else None
        if ctx.first is None:
            return out.index_add_(1, channels, part)
        out.narrow(1, first, count).add_(part)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients of both summands."""
        (grad,) = grads
        if ctx.first is None:
            return grad, grad.index_select(1, ctx.channels), None
        return grad, grad.narrow(1, ctx.first, len(ctx.channels)), None


def _length(channels: int) -> int:
    return math.lcm(channels, _LANES)


def _tile(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.tile(values.astype(np.float32), _length(values.size) // values.size)


def _sums(channels: int) -> NDArray[np.float32]:
    return np.zeros((kernels.BLOCKS, 2, _length(channels)), np.float32)


def _fold(sums: NDArray[np.float32], channels: int) -> tuple[Channels, Channels]:
    """Add blocks and repetitions up, in order."""
    folded = sums.reshape(kernels.BLOCKS, 2, -1, channels).sum(axis=(0, 2), dtype=np.float64)
    return folded[0], folded[1]


def _tensor(values: Channels) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
