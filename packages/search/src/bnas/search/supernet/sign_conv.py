"""Convolutions of signs by signs in int8: exact, and three times as fast as in float32 on CPUs."""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.autograd.function import once_differentiable

from bnas.search.supernet import passes

#: Stride, padding and dilation in pixels, groups of channels.
Geometry = tuple[int, int, int, int]


def levels(signs: Tensor) -> Tensor | None:
    """Return 0, 1, 2 for the signs -1, 0, +1, as `sign_conv` reads them.

    Args:
        signs: (N, C, H, W).

    Returns:
        uint8 (N, C, H, W); None where `sign_conv` does not take these signs: on other devices, in
        other dtypes, and where this build of torch does not convolve integers. bfloat16 is twice
        as fast as float32 already: packing the weights would cost more than is won.
    """
    if not (passes.applies(signs) and signs.dtype == torch.float32 and _works()):
        return None
    return (signs.detach() + 1).to(torch.uint8)


def sign_conv(signs: Tensor, given: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Return the same as `cells.nn.convolve`, in the same bits: the sums are integers.

    Args:
        signs: In ±1 or 0, float32 (N, I, H, W).
        given: Their `levels`.
        weight: In ±1 or 0, float32 (O, I / groups, K, K).
        geometry: Of the convolution.

    Returns:
        float32 (N, O, H', W').
    """
    with torch.no_grad():
        counts = _counts(given, weight, geometry)
    paths = (
        _Path.apply(signs, weight.detach(), True, geometry, counts),
        _Path.apply(weight, signs.detach(), False, geometry, counts),
    )
    joined: Tensor = _Join.apply(counts, *paths)
    return joined


class _Join(torch.autograd.Function):
    """The counts, whose gradient goes down both paths."""

    @staticmethod
    def forward(ctx: Any, counts: Tensor, *_: Tensor) -> Tensor:
        return counts.view_as(counts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return None, grads[0], grads[0]


class _Path(torch.autograd.Function):
    """Where the gradient of one operand is taken; its value is not read.

    A node for each: of a node in Python autograd computes all gradients, even if only those of the
    architecture parameters are asked for, and those of the weights would cost an eighth of a step.
    """

    @staticmethod
    def forward(
        ctx: Any, operand: Tensor, other: Tensor, of_signs: bool, geometry: Geometry, like: Tensor
    ) -> Tensor:
        ctx.save_for_backward(operand, other)
        ctx.of_signs, ctx.geometry = of_signs, geometry
        return like.new_zeros(()).expand(like.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        operand, other = ctx.saved_tensors
        signs, weight = (operand, other) if ctx.of_signs else (other, operand)
        found = _gradient(grads[0], signs, weight, ctx.geometry, of_signs=ctx.of_signs)
        return found, None, None, None, None


def _gradient(
    grad: Tensor, signs: Tensor, weight: Tensor, geometry: Geometry, *, of_signs: bool
) -> Tensor:
    """Return the gradient of the signs, or else that of the weight."""
    *spans, groups = geometry
    pairs = ([span, span] for span in spans)
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        grad, signs, weight, None, *pairs, False, [0, 0], groups, [of_signs, not of_signs, False]
    )
    return found[0] if of_signs else found[1]


def _counts(given: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Convolve the levels, of which 1 stands for 0, and so does the padding."""
    *spans, groups = geometry
    pairs = [[span, span] for span in spans]
    ones, zeros = torch.ones(len(weight)), torch.zeros(len(weight), dtype=torch.int64)
    signs = weight.detach().to(torch.int8)
    packed = torch.ops.onednn.qconv_prepack(signs, ones, 1.0, 1, *pairs, groups, list(given.shape))
    # No bias; to float32 as they are; no function of them.
    rest = (None, *pairs, groups, 1.0, 0, torch.float32, "none", [], "")
    counts: Tensor = torch.ops.onednn.qconv2d_pointwise(given, 1.0, 1, packed, ones, zeros, *rest)
    return counts


@functools.cache
def _works() -> bool:
    """Return whether torch convolves integers here: the operator is no part of its stable API."""
    signs = torch.tensor([1.0, -1.0, 0.0, 1.0]).view(1, 1, 2, 2)
    weight = torch.tensor([1.0, -1.0, -1.0, 1.0] * 2 + [1.0]).view(1, 1, 3, 3)
    try:
        counts = _counts((signs + 1).to(torch.uint8), weight, (1, 1, 1, 1))
    except (AttributeError, RuntimeError):
        return False
    return torch.equal(counts, functional.conv2d(signs, weight, padding=1))
