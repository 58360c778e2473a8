"""The kernels against torch: the same integers as its float convolution of signs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from bnas import binops
from bnas.binops.errors import DtypeError
from bnas.binops.testing import conv_cases, pool_cases


def _signs(x):
    return torch.from_numpy(np.where(x >= 0, 1.0, -1.0))


@settings(deadline=None)
@given(case=conv_cases())
def test_conv2d_equals_torch(case):
    counts = binops.conv2d(case.x, case.w, **case.geometry)
    expected = torch.nn.functional.conv2d(_signs(case.x), _signs(case.w), **case.geometry)
    np.testing.assert_array_equal(counts, expected.numpy())


@settings(deadline=None)
@given(case=pool_cases(max_images=2))
def test_max_pool2d_equals_torch(case):
    padding = tuple(min(p, k // 2) for p, k in zip(case.padding, case.kernel, strict=True))
    if (
        min(s + 2 * p - k for s, p, k in zip(case.x.shape[2:], padding, case.kernel, strict=True))
        < 0
    ):
        padding = (0, 0)
    size = tuple(max(s, k) for s, k in zip(case.x.shape[2:], case.kernel, strict=True))
    x = np.resize(case.x, (1, case.x.shape[1], *size)) if case.x.size else np.ones((1, 1, *size))
    pooled = binops.max_pool2d(binops.pack(x), case.kernel, stride=case.stride, padding=padding)
    expected = torch.nn.functional.max_pool2d(_signs(x), case.kernel, case.stride, padding)
    np.testing.assert_array_equal(binops.unpack(pooled), expected.numpy())


def test_cpu_tensors_are_read_without_a_copy():
    x = torch.tensor([[1.0, -1.0], [0.0, -2.0]])
    np.testing.assert_array_equal(binops.unpack(binops.pack(x)), [[1, -1], [1, -1]])
    transposed = x.T
    np.testing.assert_array_equal(binops.unpack(binops.pack(transposed)), [[1, 1], [-1, -1]])


@pytest.mark.parametrize(
    "tensor", [torch.ones(1, 2, requires_grad=True), torch.ones(1, 2, dtype=torch.bfloat16)]
)
def test_tensors_that_numpy_cannot_read_are_refused(tensor):
    with pytest.raises(DtypeError, match="`x` must be an array of numbers in host memory"):
        binops.pack(tensor)
