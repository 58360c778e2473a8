"""Convolutions in int8 are those in float32, bit by bit, and so are their gradients."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from bnas.cells.nn import convolve
from bnas.search.supernet import sign_conv as module
from bnas.search.supernet.sign_conv import levels, sign_conv


def operands(*, channels: int, filters: int, size: tuple[int, int, int], kernel: int, seed: int):
    """Return signs (N, C, H, W), channels last, and weights, both with zeros; and a source."""
    source = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randint(-1, 2, shape, generator=source).float()

    count, height, width = size
    signs = draw(count, channels, height, width).contiguous(memory_format=torch.channels_last)
    return signs.requires_grad_(), draw(filters, channels, kernel, kernel).requires_grad_()


@settings(max_examples=40)
@given(
    channels=st.integers(1, 70),
    filters=st.integers(1, 40),
    size=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 2),
    dilation=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_it_is_the_convolution(
    channels: int,
    filters: int,
    size: tuple[int, int, int],
    kernel: int,
    stride: int,
    dilation: int,
    seed: int,
) -> None:
    both = operands(channels=channels, filters=filters, size=size, kernel=kernel, seed=seed)
    geometry = (stride, dilation * (kernel // 2), dilation, 1)
    given_levels = levels(both[0])
    assert given_levels is not None
    found, expected = (
        sign_conv(both[0], given_levels, both[1], geometry),
        convolve(*both, *geometry),
    )
    assert torch.equal(found, expected)
    grad = torch.randn(found.shape, generator=torch.Generator().manual_seed(seed))
    gradients = zip(
        torch.autograd.grad(found, both, grad),
        torch.autograd.grad(expected, both, grad),
        strict=True,
    )
    for own, wanted in gradients:
        torch.testing.assert_close(own, wanted, rtol=1e-6, atol=1e-5)


def test_only_the_gradients_that_are_asked_for_are_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signs, weight = operands(channels=3, filters=4, size=(2, 5, 5), kernel=3, seed=0)
    computed: list[bool] = []
    real = module._gradient

    def gradient(*arguments: Any, of_signs: bool) -> Tensor:
        computed.append(of_signs)
        return real(*arguments, of_signs=of_signs)

    monkeypatch.setattr(module, "_gradient", gradient)
    for wanted, expected in (([signs], [True]), ([weight], [False]), ([signs, weight], [0, 1])):
        computed.clear()
        counts = sign_conv(signs, (signs.detach() + 1).byte(), weight, (1, 1, 1, 1))
        counts.sum().backward(inputs=wanted)
        assert sorted(computed) == expected


def test_other_signs_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    signs = torch.ones(1, 2, 3, 3)
    assert levels(signs.double()) is levels(signs.bfloat16()) is None
    monkeypatch.setattr(module, "_works", lambda: False)
    assert levels(signs) is None


def test_a_torch_without_the_operator_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> Tensor:
        raise AttributeError("no such operator")

    monkeypatch.setattr(module, "_counts", missing)
    assert not module._works.__wrapped__()
    monkeypatch.setattr(module, "_counts", lambda *_: torch.zeros(1, 1, 2, 2))
    assert not module._works.__wrapped__()
