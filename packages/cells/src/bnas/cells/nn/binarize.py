"""Binarisation of activations and latent weights, with their straight-through gradients.

References:
    Rastegari et al., "XNOR-Net", ECCV 2016, Section 3.1; Courbariaux et al., 2016 (STE).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _plus_minus_one(x: Tensor) -> Tensor:
    """Return +1 where x >= 0, else -1, in the dtype of `x`."""
    if torch.compiler.is_compiling():
        # No `to`: where it changes nothing it returns its argument, and torch 2.11 loses the
        # gradient of a compiled Function whose result has two names (pytorch#180642).
        return (x >= 0).to(x.dtype) * 2 - 1
    if x.device.type == "cpu":
        # On CPUs 20 times as fast as torch.where, which reads one condition at a time.
        return torch.ge(x, 0, out=torch.empty_like(x)).mul_(2).sub_(1)
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


class _SignSTE(torch.autograd.Function):
    """sign(x), whose gradient is passed where |x| < 1."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, zero_at_zero: bool) -> Tensor:
        ctx.save_for_backward(x)
        if zero_at_zero:
            return torch.sign(x)
        return _plus_minus_one(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * (x.abs() < 1), None


class _SignIdentity(torch.autograd.Function):
    """sign(w) in ±1, whose gradient is passed unchanged."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, weight: Tensor, zero: bool) -> Tensor:
        if zero:
            return torch.sign(weight)
        return _plus_minus_one(weight)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


class _RoundIdentity(torch.autograd.Function):
    """round(x), whose gradient is passed unchanged."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        return grads[0]


class _ScaleGradient(torch.autograd.Function):
    """x, whose gradient is multiplied by a constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * ctx.factor, None


def binarize_activation(x: Tensor, *, official_sign: bool = False) -> Tensor:
    """Return the signs of `x` in ±1.

    Forward ``+1 if x >= 0 else -1``; pseudo-gradient ``1 if |x| < 1 else 0``.

    Args:
        x: float (...).
        official_sign: Take sign(0) = 0, as the authors' code does while training.

    Returns:
        float (...), of the shape and dtype of `x`.
    """
    signs: Tensor = _SignSTE.apply(x, official_sign)
    return signs


def round_counts(counts: Tensor) -> Tensor:
    """Return the integers nearest to sums of ±1 products, whose gradient passes unchanged.

    Args:
        counts: float (...), off by the rounding of the convolution's algorithm.

    Returns:
        float (...), of the shape of `counts`.
    """
    rounded: Tensor = _RoundIdentity.apply(counts)
    return rounded


def latent_scale(latent: Tensor) -> Tensor:
    """Return mean|W| of every filter.

    Args:
        latent: Latent weights (O, I, KH, KW).

    Returns:
        float (O,).
    """
    return latent.abs().mean(dim=(1, 2, 3))


def is_centred(latent: Tensor, *, official_centring: bool = False) -> bool:
    """Return whether the mean over the input channels is taken off latent weights.

    Not where there is one channel, as in depthwise convolutions: it would leave nothing but zeros.

    Args:
        latent: Latent weights (O, I, KH, KW).
        official_centring: Take it off of all of them, as the authors' code does.
    """
    return official_centring or latent.shape[1] > 1


def gradient_factor(latent: Tensor, *, official_centring: bool = False) -> float:
    """Return the authors' factor on the gradient of latent weights: n * (1 - 1/I), n = I*K*K.

    The bracket is what centring leaves of a gradient; where weights are not centred
    (`is_centred`) the factor is n.

    Args:
        latent: Latent weights (O, I, KH, KW).
        official_centring: Of `is_centred`.
    """
    fan_in = latent[0].numel()
    centred = is_centred(latent, official_centring=official_centring)
    return fan_in * (1 - 1 / latent.shape[1]) if centred else float(fan_in)


def binary_weight(
    latent: Tensor,
    *,
    official_sign: bool = False,
    official_gradient: bool = False,
    official_centring: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return sign(W) and mean|W| of every filter; their product is the binary weight.

    Differentiable in W. With G the gradient of the product, n = I*K*K and the mean over a filter,
    the gradient of W is ``mean|W| * G + sign(W) * mean(sign(W) * G)``; `official_gradient`
    multiplies it by ``n * (1 - 1/I)``, a learning rate per layer in the authors' code.

    Args:
        latent: Latent weights (O, I, KH, KW), mean-centred and clamped (`project_latent`).
        official_sign: Take sign(0) = 0.
        official_gradient: Multiply the gradient by `gradient_factor`.
        official_centring: Of `gradient_factor`.

    Returns:
        float (O, I, KH, KW), the signs in ±1, and float (O,), the scales; apart, so that a
        convolution can sum exact ±1 products even in bfloat16.

    References:
        XNOR-Net, Equations 6 and 12; the factor is read off the authors' public code.
    """
    if official_gradient:
        factor = gradient_factor(latent, official_centring=official_centring)
        latent = _ScaleGradient.apply(latent, factor)
    return _SignIdentity.apply(latent, official_sign), latent_scale(latent)


@torch.no_grad()
def project_latent(latent: Tensor, *, official_centring: bool = False) -> None:
    """Centre latent weights over the input channels and clamp them to [-1, 1], in place.

    To be called before every training step.

    Args:
        latent: Latent weights (O, I, KH, KW).
        official_centring: Centre those of a single input channel too, as the authors' code does,
            which makes all of them 0; by default they are only clamped.

    Deviates:
        XNOR-Net's authors and those of BNAS centre all, for none of their networks has depthwise
        convolutions. A binarised DARTS has, and with it no weights but 0 there: its separable
        convolutions put out constants, and what it learns passes through the 1x1 blocks before
        its cells, its poolings and its identities alone.
    """
    if is_centred(latent, official_centring=official_centring):
        latent.sub_(latent.mean(dim=1, keepdim=True))
    latent.clamp_(-1, 1)
