"""The fused functions against torch's own autograd, on numbers that bfloat16 holds exactly."""

from __future__ import annotations

from typing import Any

import numba
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnas.cells.nn import binarize_activation
from bnas.cells.nn.layers import BatchNorm2d
from bnas.search.fused.functions import AddChannels, NormSign, ScaledReLU, channels_last
from bnas.search.fused.statistics import Statistics

shapes = st.tuples(
    st.integers(1, 5), st.sampled_from([1, 3, 5, 24, 36, 48]), st.integers(1, 6), st.integers(2, 5)
)


def random(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return normal numbers of bfloat16's precision, float32."""
    source = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=source).bfloat16().float()


def norm_of(channels: int, seed: int) -> BatchNorm2d:
    norm = BatchNorm2d(channels).train()
    with torch.no_grad():
        norm.weight.copy_(random((channels,), seed))
        norm.bias.copy_(random((channels,), seed + 1))
        norm.running_mean.copy_(random((channels,), seed + 2))
    return norm


def near(found: Tensor, expected: Tensor) -> None:
    """Compare up to the rounding of bfloat16, 2^-8 of a value."""
    found, expected = found.detach().float(), expected.detach()
    limit = 0.01 * float(expected.abs().max()) + 1e-6
    torch.testing.assert_close(found, expected, rtol=0.01, atol=limit)


def applied(x: Tensor, norm: BatchNorm2d, signed: bool) -> Tensor:
    statistics = Statistics(norm, None, None)
    return NormSign.apply(channels_last(x), norm.weight, norm.bias, statistics, signed)


@settings(deadline=None, max_examples=40)
@given(shape=shapes, seed=st.integers(0, 1000), signed=st.booleans())
def test_norm_and_sign_are_torch_s(
    shape: tuple[int, int, int, int], seed: int, signed: bool
) -> None:
    count = shape[0] * shape[2] * shape[3]
    assume(count >= 8)  # Of two values, batch norm leaves nothing but ±1, and no gradient.
    x, grad = (random(shape, seed) + 3).bfloat16().float(), random(shape, seed + 10)
    fused, plain = norm_of(shape[1], seed), norm_of(shape[1], seed)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    normalised = plain(theirs)
    # Where the normalised value is as good as 0 or ±1, rounding may decide sign or gradient.
    unclear = ((normalised.abs() < 1e-3) | ((normalised.abs() - 1).abs() < 1e-3)) & signed
    expected = binarize_activation(normalised) if signed else normalised
    grad = torch.where(unclear, 0.0, grad)
    found = applied(ours, fused, signed)
    assert found.dtype == torch.bfloat16
    near(torch.where(unclear, 0.0, found.float()), torch.where(unclear, 0.0, expected))
    found.backward(grad.bfloat16())
    expected.backward(grad)
    assert ours.grad is not None and theirs.grad is not None
    assert fused.weight.grad is not None and plain.weight.grad is not None
    scale = float(grad.abs().max()) * count**0.5 / 100 + 1e-6
    torch.testing.assert_close(fused.weight.grad, plain.weight.grad, rtol=0.01, atol=scale)
    torch.testing.assert_close(fused.bias.grad, plain.bias.grad, rtol=0.01, atol=scale)
    near(ours.grad, theirs.grad)
    torch.testing.assert_close(fused.running_mean, plain.running_mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fused.running_var, plain.running_var, rtol=1e-3, atol=1e-5)
    assert torch.equal(fused.num_batches_tracked, plain.num_batches_tracked)


@settings(deadline=None, max_examples=40)
@given(shape=shapes, seed=st.integers(0, 1000))
def test_scaled_relu_is_torch_s(shape: tuple[int, int, int, int], seed: int) -> None:
    counts = random(shape, seed).mul(8).round()
    grad = random(shape, seed + 1)
    parts = [random((shape[1],), seed + 2).abs() + 0.1, random((shape[1],), seed + 3)]
    ours = [part.clone().requires_grad_() for part in (counts, *parts)]
    theirs = [part.clone().requires_grad_() for part in (counts, *parts)]
    found = ScaledReLU.apply(channels_last(ours[0]), ours[1], ours[2])
    expected = (theirs[0] * theirs[1][:, None, None] + theirs[2][:, None, None]).relu()
    near(found, expected)
    found.backward(grad.bfloat16())
    expected.backward(grad)
    for got, want in zip(ours, theirs, strict=True):
        assert got.grad is not None and want.grad is not None
        near(got.grad, want.grad)


@pytest.mark.parametrize("channels", [[0, 1, 2], [2, 3], [0, 3]])
def test_channels_are_added_where_they_belong(channels: list[int]) -> None:
    total = random((2, 4, 3, 3), 0).requires_grad_()
    part = random((2, len(channels), 3, 3), 1).requires_grad_()
    grad = random((2, 4, 3, 3), 2)
    found = AddChannels.apply(total, part, torch.tensor(channels))
    expected = total.detach().clone()
    expected[:, channels] += part.detach()
    assert torch.equal(found, expected)
    found.backward(grad)
    assert torch.equal(total.grad, grad)
    assert torch.equal(part.grad, grad[:, channels])


def test_gradients_may_come_in_any_layout() -> None:
    x = random((3, 24, 4, 4), 0)
    results: list[Tensor] = []
    grad = random((3, 24, 1, 1), 1)
    for form in (grad.expand(3, 24, 4, 4), grad.expand(3, 24, 4, 4).contiguous()):
        norm, leaf = norm_of(24, 5), x.clone().requires_grad_()
        applied(leaf, norm, True).backward(form.bfloat16())
        assert leaf.grad is not None
        results.append(leaf.grad)
    wide = random((3, 30, 4, 4), 2)
    for form in (wide[:, 3:27], wide[:, 3:27].contiguous(memory_format=torch.channels_last)):
        leaf = x.clone().requires_grad_()
        one = torch.ones(24)
        ScaledReLU.apply(channels_last(leaf), one, one).backward(form.bfloat16())
        assert leaf.grad is not None
        results.append(leaf.grad)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[2], results[3])


def _everything(threads: int) -> list[Any]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        x = random((7, 36, 9, 11), 3).requires_grad_()
        norm = norm_of(36, 4)
        signs = applied(x, norm, True)
        out = ScaledReLU.apply(signs, norm.weight.abs(), norm.bias)
        out.backward(random(tuple(out.shape), 5).bfloat16())
        return [signs, out, x.grad, norm.weight.grad, norm.bias.grad, norm.running_var]
    finally:
        torch.set_num_threads(before)


def test_the_number_of_threads_changes_no_bit() -> None:
    most = numba.config.NUMBA_NUM_THREADS
    for one, two in zip(_everything(1), _everything(most), strict=True):
        assert torch.equal(one, two)


def test_what_is_not_finite_warns_of_nothing() -> None:
    # Warnings are errors here. The loop notices a loss that is not finite.
    x = torch.full((4, 3, 2, 2), torch.inf)
    x[::2] *= -1
    assert applied(x, norm_of(3, 0), False).isnan().all()
    norm = norm_of(3, 0)
    applied(random(tuple(x.shape), 1), norm, False).backward(channels_last(x))
    weight, bias = (torch.ones(3, requires_grad=True) for _ in range(2))
    ScaledReLU.apply(channels_last(x.abs()), weight, bias).backward(channels_last(x))
    for parameter in (norm.weight, norm.bias, weight, bias):
        assert parameter.grad.isnan().all()
