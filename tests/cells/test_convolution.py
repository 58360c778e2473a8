"""`convolve`: torch's convolution, and the gradient that torch takes from memory never written."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from bnas.cells.nn import convolve


def poison() -> None:
    """Leave not-a-number in the memory that the next allocations get."""
    for exponent in range(6, 20):
        for dtype in (torch.bfloat16, torch.float32):
            torch.full((2**exponent,), float("nan"), dtype=dtype)


def gradients(
    x: Tensor, weight: Tensor, grad: Tensor, dilation: int, groups: int = 1
) -> tuple[Tensor, Tensor]:
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    padding = dilation * (weight.shape[-1] // 2)
    out = convolve(x, weight, 1, padding, dilation, groups)
    poison()
    out.backward(grad)
    assert x.grad is not None and weight.grad is not None
    return x.grad, weight.grad


@pytest.mark.parametrize(
    ("channels", "groups"), [(8, 1), (16, 1), (24, 1), (36, 1), (16, 16), (36, 36), (48, 12)]
)
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_bfloat16_gradients_are_those_of_float32(
    channels: int, groups: int, kernel: int, dilation: int
) -> None:
    source = torch.Generator().manual_seed(channels + kernel)
    shape = (8, channels, 12, 12)
    x = torch.randn(shape, generator=source).sign()
    weight = torch.randn((channels, channels // groups, kernel, kernel), generator=source).sign()
    grad = torch.randn(shape, generator=source).bfloat16().float()
    expected = gradients(x, weight, grad, dilation, groups)
    half = [
        part.bfloat16().contiguous(memory_format=torch.channels_last) for part in (x, weight, grad)
    ]
    for _ in range(3):
        found = gradients(*half, dilation, groups)
        for got, want in zip(found, expected, strict=True):
            assert got.dtype == torch.bfloat16
            limit = float(want.abs().max()) / 100
            torch.testing.assert_close(got.float(), want, rtol=0.02, atol=limit)


def test_under_autocast_the_dilated_convolution_is_bfloat16_too() -> None:
    x, weight = torch.randn(2, 24, 8, 8), torch.randn(24, 24, 3, 3, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = convolve(x, weight, 1, 2, 2, 1)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert weight.grad is not None and weight.grad.dtype == torch.float32
    assert torch.isfinite(weight.grad).all()


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (1, 4), (2, 2)])
def test_geometry_is_torch_s(stride: int, groups: int) -> None:
    x, weight = torch.randn(2, 8, 9, 9), torch.randn(12, 8 // groups, 3, 3)
    for dilation in (1, 2):
        expected = functional.conv2d(x, weight, None, stride, 2, dilation, groups)
        assert torch.equal(convolve(x, weight, stride, 2, dilation, groups), expected)
        half = convolve(
            x.bfloat16(), weight.bfloat16().requires_grad_(), stride, 2, dilation, groups
        )
        torch.testing.assert_close(half.float(), expected, rtol=0.05, atol=0.3)
