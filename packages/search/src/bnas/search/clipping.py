"""Gradient clipping in the authors' order: by the gradients of the binarised weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnas.cells.nn import BinaryConv2d, gradient_factor


@torch.no_grad()
def clip_gradients_(network: nn.Module, max_norm: float) -> Tensor:
    """Scale all gradients, in place, so that their norm is at most `max_norm`.

    The norm is taken over the gradients of the real parameters and of the *binarised* weights, as
    in the authors' code, which clips before it turns the latter into gradients of latent weights.
    That turn is linear, so the latent gradients are scaled by the same factor.

    Args:
        network: After the backward pass.
        max_norm: Euclidean norm of all gradients together, > 0.

    Returns:
        The norm before clipping, a float32 scalar of the device, which nothing here waits for.
    """
    binary = [module for module in network.modules() if isinstance(module, BinaryConv2d)]
    # Real weights, those of a first stage or of a twin, are convolved as they are.
    latent = {id(module.weight): module for module in binary if not module.real_weights}
    squares = []
    for parameter in network.parameters():
        if parameter.grad is None:
            continue
        module = latent.get(id(parameter))
        grad = parameter.grad if module is None else binarised_gradient(module)
        squares.append(grad.square().sum())
    norm = torch.stack(squares).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for parameter in network.parameters():
        if parameter.grad is not None:
            parameter.grad.mul_(factor)
    return norm


@torch.no_grad()
def binarised_gradient(module: BinaryConv2d) -> Tensor:
    """Return the gradient of the binary weight sign(W) * mean|W| out of that of the latent W.

    The latent gradient is g = f * (m|W| * G + s * mean(s * G)) with s = sign(W), m|W| the mean of
    |W| over a filter and f the authors' factor or 1. So mean(s * g) = f * (m|W| + mean(s * s)) *
    mean(s * G), from which G follows. Filters of zeros alone have no such G and count as 0.

    Args:
        module: A convolution of binarised weights, with a gradient.

    Returns:
        float32 (O, I, KH, KW).
    """
    weight, grad = module.weight, module.weight.grad
    assert grad is not None
    factor = 1.0
    if module.official_gradient:
        factor = gradient_factor(weight, official_centring=module.official_centring)
    if factor == 0:
        return torch.zeros_like(grad)
    signs = torch.sign(weight) if module.official_sign else torch.where(weight >= 0, 1.0, -1.0)
    scale = weight.abs().mean(dim=(1, 2, 3), keepdim=True)
    plain = grad / factor
    # d|w|/dw is sign(w) with sign(0) = 0 in torch, whatever the binarised weight takes there.
    slope = torch.sign(weight)
    overlap = (signs * slope).mean(dim=(1, 2, 3), keepdim=True)
    moment = (signs * plain).mean(dim=(1, 2, 3), keepdim=True) / (scale + overlap)
    return torch.where(scale > 0, (plain - slope * moment) / scale.clamp_min(1e-30), 0.0)
