from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from bnas.cells import nodes
from bnas.cells.folding import BATCH_NORM_EPS, fold_batch_norm
from bnas.cells.nn import (
    BatchNorm2d,
    BinaryConv2d,
    RPReLU,
    Sign,
    latent_scale,
)

SEEDS = st.integers(0, 2**31)


def conv(**fields: int) -> nodes.BinaryConv:
    shape = {"in_channels": 6, "out_channels": 4, "kernel": 3, "padding": 1}
    return nodes.BinaryConv(name="conv", **{**shape, **fields})


# Convolutions


@settings(max_examples=30)
@given(
    seed=SEEDS,
    groups=st.sampled_from([1, 2, 3]),
    kernel=st.sampled_from([1, 2, 3, 5]),
    stride=st.integers(1, 2),
    padding=st.integers(0, 4),
    dilation=st.integers(1, 2),
)
def test_evaluation_is_an_integer_times_the_stored_scale(seed, **geometry):
    torch.manual_seed(seed)
    layer = BinaryConv2d(conv(out_channels=6, **geometry)).eval()
    layer.weight_scale.uniform_(0.01, 0.1)
    signs = torch.randn(2, 6, 9, 9).sign()
    window = {key: geometry[key] for key in ("stride", "padding", "dilation", "groups")}
    weight = torch.where(layer.weight >= 0, 1.0, -1.0)
    counts = functional.conv2d(signs.double(), weight.double(), **window)
    assert torch.equal(counts, counts.round())
    with torch.no_grad():
        values = layer(signs)
    assert torch.equal(values, counts.float() * layer.weight_scale[:, None, None])


def test_evaluation_rounds_what_the_convolution_does_not_get_exactly(monkeypatch):
    layer = BinaryConv2d(conv()).eval()
    signs = torch.randn(1, 6, 5, 5).sign()
    with torch.no_grad():
        exact = layer(signs)
        inner = layer._convolve
        monkeypatch.setattr(layer, "_convolve", lambda *args: inner(*args) + 0.01)
        assert torch.equal(layer(signs), exact)


def test_training_takes_the_scale_of_the_latent_weights():
    layer = BinaryConv2d(conv())
    layer.weight_scale.fill_(1000)
    signs = torch.randn(1, 6, 5, 5).sign()
    trained = layer(signs)
    scaled = (
        torch.where(layer.weight >= 0, 1.0, -1.0) * latent_scale(layer.weight)[:, None, None, None]
    )
    torch.testing.assert_close(trained, functional.conv2d(signs, scaled, padding=1))


def test_leaving_training_refreshes_the_scale():
    layer = BinaryConv2d(conv())
    with torch.no_grad():
        layer.weight.mul_(3)
    assert not torch.allclose(layer.weight_scale, latent_scale(layer.weight))
    layer.train(False)
    assert torch.equal(layer.weight_scale, latent_scale(layer.weight.detach()))


def test_a_loaded_scale_survives_evaluation():
    layer = BinaryConv2d(conv()).eval()
    layer.weight_scale.fill_(7)
    layer.eval()
    assert layer.weight_scale.tolist() == [7] * 4
    layer.train()
    assert layer.weight_scale.tolist() == [7] * 4


def test_projecting_refreshes_the_scale():
    layer = BinaryConv2d(conv())
    with torch.no_grad():
        layer.weight.mul_(30).add_(5)
    layer.project_latent_()
    assert layer.weight.abs().max() == 1
    assert torch.equal(layer.weight_scale, latent_scale(layer.weight.detach()))


def test_gradients_pass_through_evaluation_too():
    # Fine-tuning with frozen statistics, or a map of what the network looks at.
    layer = BinaryConv2d(conv()).eval()
    images = torch.rand(1, 6, 5, 5).requires_grad_()
    layer(Sign()(images)).sum().backward()
    signs = torch.where(layer.weight >= 0, 1.0, -1.0) * layer.weight_scale[:, None, None, None]
    ones = torch.ones(1, 4, 5, 5)
    torch.testing.assert_close(images.grad, functional.conv_transpose2d(ones, signs, padding=1))
    assert layer.weight.grad.abs().sum() > 0


def test_the_state_of_a_binary_convolution():
    layer = BinaryConv2d(conv(groups=2))
    shapes = {name: tuple(tensor.shape) for name, tensor in layer.state_dict().items()}
    assert shapes == {"weight": (4, 3, 3, 3), "weight_scale": (4,)}
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert "6, 4, kernel=3, stride=1, padding=1, dilation=1" in repr(layer)


# Batch norm


def random_norm(seed: int, affine: bool, channels: int = 50) -> BatchNorm2d:
    generator = np.random.default_rng(seed)
    norm = BatchNorm2d(channels, affine)
    variances = np.exp(generator.uniform(np.log(1e-6), np.log(1e4), channels))
    norm.running_mean.copy_(torch.from_numpy(generator.normal(0, 3, channels)))
    norm.running_var.copy_(torch.from_numpy(variances))
    if affine:
        with torch.no_grad():
            norm.weight.copy_(torch.from_numpy(generator.normal(0, 1, channels)))
            norm.bias.copy_(torch.from_numpy(generator.normal(0, 1, channels)))
    return norm


def values(norm: BatchNorm2d, seed: int) -> Tensor:
    """Return images (2, C, 8, 8) distributed as the statistics of `norm` say."""
    noise = torch.randn(2, 50, 8, 8, generator=torch.Generator().manual_seed(seed))
    mean, variance = norm.running_mean[:, None, None], norm.running_var[:, None, None]
    return noise * variance.sqrt() + mean


@settings(max_examples=30)
@given(seed=SEEDS, affine=st.booleans())
def test_batch_norm_is_torchs(seed, affine):
    norm = random_norm(seed, affine).eval()
    x = values(norm, seed)
    with torch.no_grad():
        exact = torch.nn.BatchNorm2d.forward(norm.double(), x.double())
        mine = norm.float()(x).double()
    # Relative to the terms of the sum x * multiplier + offset, of which the result may be a small
    # difference: three roundings to float32.
    multiplier, offset = (part[:, None, None].double() for part in norm.folded())
    size = (x.double() * multiplier).abs() + offset.abs()
    assert ((mine - exact).abs() <= size * 2e-7).all()
    ordinary = size <= 4
    assert ((mine - exact).abs()[ordinary] < 1e-6).all()


@settings(max_examples=30)
@given(seed=SEEDS, affine=st.booleans())
def test_batch_norm_is_the_numpy_fold_bit_for_bit(seed, affine):
    norm = random_norm(seed, affine).eval()
    x = values(norm, seed)
    state = {name: tensor.double().numpy() for name, tensor in norm.state_dict().items()}
    weight = state.get("weight", np.ones(50))
    bias = state.get("bias", np.zeros(50))
    folded = fold_batch_norm(weight, bias, state["running_mean"], state["running_var"])
    multiplier, offset = (part.astype(np.float32)[:, None, None] for part in folded)
    with torch.no_grad():
        assert np.array_equal(norm(x).numpy(), x.numpy() * multiplier + offset)


@pytest.mark.parametrize("affine", [False, True])
def test_batch_norm_trains_as_torchs(affine):
    mine, theirs = random_norm(3, affine), torch.nn.BatchNorm2d(50, affine=affine)
    assert (theirs.eps, theirs.momentum) == (BATCH_NORM_EPS, 0.1) == (mine.eps, mine.momentum)
    theirs.load_state_dict(mine.state_dict())
    x = values(mine, 3)
    assert torch.equal(mine(x), theirs(x))
    assert torch.equal(mine.running_var, theirs.running_var)
    assert torch.equal(mine.running_mean, theirs.running_mean)


# RPReLU


@settings(max_examples=30)
@given(seed=SEEDS)
def test_rprelu_follows_its_formula(seed):
    torch.manual_seed(seed)
    layer = RPReLU(5).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        got = layer(x)
        for channel in range(5):
            shift_in, slope, shift_out = (
                float(part[channel]) for part in (layer.shift_in, layer.slope, layer.shift_out)
            )
            above = x[:, channel] > shift_in
            moved = x[:, channel] - shift_in
            expected = torch.where(above, moved, slope * moved) + shift_out
            assert torch.equal(got[:, channel], expected)


def test_rprelu_starts_as_a_prelu_and_learns_three_numbers_a_channel():
    layer = RPReLU(3)
    x = torch.tensor([-4.0, 0.0, 4.0]).reshape(1, 3, 1, 1)
    assert layer(x).flatten().tolist() == [-1, 0, 4]
    assert sorted(name for name, _ in layer.named_parameters()) == [
        "shift_in",
        "shift_out",
        "slope",
    ]
    assert sum(parameter.numel() for parameter in layer.parameters()) == 9
