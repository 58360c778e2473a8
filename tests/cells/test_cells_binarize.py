from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bnas.cells.nn import (
    Sign,
    binarize_activation,
    binary_weight,
    project_latent,
)

UNIT_CASES = [
    "O36_I144_K1_s0.05",
    "O4_I6_K3_s0.1",
    "O4_I6_K3_s0.8",
    "O5_I8_K5_s0.3",
    "O8_I16_K1_s0.1",
    "O8_I16_K1_s0.8",
]
JUST_BELOW_1 = math.nextafter(1.0, 0.0)
SEEDS = st.integers(0, 2**31)


# Activations


def test_the_sign_of_zero_is_plus_one():
    x = torch.tensor([-2.0, -1e-45, -0.0, 0.0, 1e-45, 3.0])
    assert binarize_activation(x).tolist() == [-1, -1, 1, 1, 1, 1]
    assert binarize_activation(x, official_sign=True).tolist() == [-1, -1, 0, 0, 1, 1]


@pytest.mark.filterwarnings("ignore")  # The compiler's own.
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_compiled_signs_and_their_gradients_are_the_same(dtype: torch.dtype) -> None:
    # What torch 2.11 loses of them, no other version does: tests/search/test_gpu.py compares whole
    # networks where that one is.
    x = torch.tensor([-2.0, -0.5, -0.0, 0.0, 0.5, 1.0, math.nan], dtype=dtype)
    results = []
    for sign in (binarize_activation, torch.compile(binarize_activation, backend="aot_eager")):
        leaf = x.clone().requires_grad_()
        signs = sign(leaf)
        signs.backward(torch.arange(7).to(dtype))
        assert signs.dtype == leaf.grad.dtype == dtype
        results.append((signs.tolist(), leaf.grad.tolist()))
    assert results[0] == results[1] == ([-1, -1, 1, 1, 1, 1, -1], [0, 1, 2, 3, 4, 0, 0])


@pytest.mark.parametrize("official_sign", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.bfloat16])
def test_signs_keep_the_dtype(official_sign, dtype):
    signs = Sign(official_sign=official_sign)(torch.tensor([-0.5, 0.5], dtype=dtype))
    assert (signs.dtype, signs.tolist()) == (dtype, [-1, 1])


@pytest.mark.parametrize("official_sign", [False, True])
def test_gradients_pass_strictly_inside_minus_one_to_one(official_sign):
    at = [-2.0, -1.0, -JUST_BELOW_1, -0.5, 0.0, 0.5, JUST_BELOW_1, 1.0, 2.0]
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    upstream = torch.arange(1.0, 10.0, dtype=torch.float64)
    Sign(official_sign=official_sign)(x).backward(upstream)
    assert x.grad.tolist() == [0, 0, 3, 4, 5, 6, 7, 0, 0]


# Weights


@pytest.mark.parametrize("case", UNIT_CASES)
def test_projection_is_that_of_the_authors_code(golden, case):
    arrays = golden("binop_unit")
    latent = torch.from_numpy(arrays[f"{case}/latent"]).clone()
    project_latent(latent)
    # Means over C_in are summed in another order: two roundings of numbers up to 1.
    restored = torch.from_numpy(arrays[f"{case}/restored"])
    torch.testing.assert_close(latent, restored, rtol=0, atol=2**-23)
    assert (latent.abs() <= 1).all()


def test_the_golden_data_reach_the_clamp(golden):
    arrays = golden("binop_unit")
    largest = [float(np.abs(arrays[f"{case}/restored"]).max()) for case in UNIT_CASES]
    assert [case for case, size in zip(UNIT_CASES, largest, strict=True) if size == 1] == [
        "O4_I6_K3_s0.8",
        "O5_I8_K5_s0.3",
        "O8_I16_K1_s0.8",
    ]


@pytest.mark.parametrize("case", UNIT_CASES)
def test_binary_weights_are_those_of_the_authors_code(golden, case):
    arrays = golden("binop_unit")
    signs, scale = binary_weight(torch.from_numpy(arrays[f"{case}/restored"]))
    binarised = torch.from_numpy(arrays[f"{case}/binarised"])
    assert set(signs.unique().tolist()) == {-1, 1}
    assert torch.equal(signs, binarised.sign())
    # A mean over a filter, again summed in another order.
    torch.testing.assert_close(signs * scale[:, None, None, None], binarised, rtol=2**-21, atol=0)


@pytest.mark.parametrize("case", UNIT_CASES)
def test_gradients_are_those_of_the_authors_code(golden, case):
    arrays = golden("binop_unit")
    gradient = torch.from_numpy(arrays[f"{case}/grad_in"])
    wanted = torch.from_numpy(arrays[f"{case}/grad_out"])
    latent = torch.from_numpy(arrays[f"{case}/restored"]).requires_grad_()
    signs, scale = binary_weight(latent, official_gradient=True)
    (signs * scale[:, None, None, None]).backward(gradient)
    # A few roundings of sums of up to 200 products, against the largest of them.
    atol = float(wanted.abs().max()) * 2**-21
    torch.testing.assert_close(latent.grad, wanted, rtol=0, atol=atol)


@settings(max_examples=30)
@given(seed=SEEDS, shape=st.tuples(*[st.integers(1, 5)] * 4))
def test_gradient_of_a_binary_weight(seed, shape):
    generator = torch.Generator().manual_seed(seed)
    latent, upstream = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    grads = []
    for official in (False, True):
        leaf = latent.clone().requires_grad_()
        signs, scale = binary_weight(leaf, official_gradient=official)
        (signs * scale[:, None, None, None]).backward(upstream)
        grads.append(leaf.grad)
    sign = latent.sign()
    per_filter = (sign * upstream).mean(dim=(1, 2, 3), keepdim=True)
    plain = latent.abs().mean(dim=(1, 2, 3), keepdim=True) * upstream + sign * per_filter
    _, channels, height, width = shape
    # Filters of one channel are not centred, and keep the gradient that centring would take off.
    factor = channels * height * width * ((1 - 1 / channels) if channels > 1 else 1)
    torch.testing.assert_close(grads[0], plain)
    torch.testing.assert_close(grads[1], plain * factor)


def test_the_weight_zero_is_plus_one():
    latent = torch.tensor([0.0, -0.0, 0.5, -0.5]).reshape(1, 4, 1, 1)
    assert binary_weight(latent)[0].flatten().tolist() == [1, 1, 1, -1]
    official, scale = binary_weight(latent, official_sign=True)
    assert official.flatten().tolist() == [0, 0, 1, -1]
    assert scale.tolist() == [0.25]


def test_a_gradient_reaches_latent_weights_beyond_one():
    latent = torch.full((1, 2, 1, 1), 3.0, requires_grad=True)
    binary_weight(latent)[0].sum().backward()
    assert latent.grad.flatten().tolist() == [1, 1]
