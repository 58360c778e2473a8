"""`convolve`: torch's convolution, with the one gradient that it gets wrong taken another way."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

#: Channels up to a multiple of this fill whole registers of torch's bfloat16 kernels.
_CHANNEL_BLOCK = 16


class _DilatedConv(torch.autograd.Function):
    """A convolution whose weight gradient is computed in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: tuple[int, int, int, int]) -> Tensor:
        stride, padding, dilation, groups = geometry
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        return functional.conv2d(x, weight, None, stride, padding, dilation, groups)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, _ = ctx.needs_input_grad
        x_grad = weight_grad = None
        if of_x:
            x_grad = _gradients(grads[0], x, weight, ctx.geometry, (True, False))[0]
        if of_weight:
            wide = (grads[0].float(), x.float(), weight.float())
            weight_grad = _gradients(*wide, ctx.geometry, (False, True))[1].to(weight.dtype)
        return x_grad, weight_grad, None


def _gradients(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    geometry: tuple[int, int, int, int],
    wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor]:
    stride, padding, dilation, groups = geometry
    x_grad, weight_grad, _ = torch.ops.aten.convolution_backward(
        grad,
        x,
        weight,
        None,
        [stride, stride],
        [padding, padding],
        [dilation, dilation],
        False,
        [0, 0],
        groups,
        [*wanted, False],
    )
    return x_grad, weight_grad


def convolve(
    x: Tensor, weight: Tensor, stride: int, padding: int, dilation: int, groups: int
) -> Tensor:
    """Return the convolution of `x` with `weight`, without bias.

    On CPUs, torch 2.13 computes the bfloat16 weight gradient of a *dilated* convolution from memory
    that was never written where channels do not fill blocks of 16: NaN now and then, wrong numbers
    more often. There the weight gradient is taken in float32.

    Args:
        x: (N, I, H, W).
        weight: (O, I / groups, K, K), of the dtype of `x` or under autocast.
        stride: In pixels, as padding and dilation.
        padding: Zeros on every side.
        dilation: Distance of the taps.
        groups: Groups of channels.

    Returns:
        float (N, O, H', W').
    """
    if x.device.type == "cpu" and dilation > 1:
        half = torch.bfloat16
        if torch.is_autocast_enabled("cpu"):
            x, weight = x.to(half), weight.to(half)
        # A group is a convolution of its own, with channels of its own to fill blocks.
        odd = weight.shape[0] // groups % _CHANNEL_BLOCK or weight.shape[1] % _CHANNEL_BLOCK
        if odd and x.dtype == half:
            result: Tensor = _DilatedConv.apply(x, weight, (stride, padding, dilation, groups))
            return result
    return functional.conv2d(x, weight, None, stride, padding, dilation, groups)
