"""`max_pool2d` equals the max of ±1, and commutes with monotone maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bnas import binops
from bnas.binops import oracles
from bnas.binops.errors import DtypeError, GeometryError, ShapeError
from bnas.binops.testing import pool_cases


@settings(deadline=None)
@given(case=pool_cases())
def test_max_pool2d_equals_the_oracle(case):
    bits = binops.pack(case.x)
    options = {"stride": case.stride, "padding": case.padding, "invert": case.invert}
    pooled = binops.max_pool2d(bits, case.kernel, **options)
    twin = oracles.max_pool2d(bits, case.kernel, **options)
    np.testing.assert_array_equal(pooled.data, twin.data)
    assert pooled.shape == twin.shape
    binops.BitTensor(pooled.data, pooled.axis, pooled.length)


def _float_max_pool(x, kernel, stride, padding):
    edges = ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)
    padded = np.pad(x, edges, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1]].max(axis=(4, 5))


@settings(deadline=None)
@given(case=pool_cases(max_channels=9))
def test_it_is_the_bits_of_the_pooled_numbers(case):
    channels = case.x.shape[1]
    threshold = np.linspace(-1, 1, channels).astype(np.float32)
    bits = binops.pack(case.x, threshold=threshold, flip=case.invert)
    pooled = binops.max_pool2d(
        bits, case.kernel, stride=case.stride, padding=case.padding, invert=case.invert
    )
    numbers = _float_max_pool(case.x, case.kernel, case.stride, case.padding)
    expected = binops.pack(numbers, threshold=threshold, flip=case.invert)
    np.testing.assert_array_equal(pooled.data, expected.data)


def test_threads_do_not_change_the_bits():
    bits = binops.pack(np.random.default_rng(4).standard_normal((4, 50, 60, 60), np.float32))
    one = binops.max_pool2d(bits, 3, stride=2, padding=1, threads=1)
    np.testing.assert_array_equal(binops.max_pool2d(bits, 3, stride=2, padding=1).data, one.data)


def test_the_stride_defaults_to_the_kernel():
    bits = binops.pack(np.ones((1, 3, 6, 9)))
    assert binops.max_pool2d(bits, (2, 3)).shape == (1, 3, 3, 3)


BITS = binops.pack(np.ones((1, 3, 4, 4)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: binops.max_pool2d(np.ones((1, 3, 4, 4)), 2), DtypeError, "must be a BitTensor"),
        (
            lambda: binops.max_pool2d(binops.pack(np.ones((3, 4))), 2),
            ShapeError,
            "must be (N, C, H, W) packed on axis 1 (got shape (3, 4), axis 1)",
        ),
        (lambda: binops.max_pool2d(BITS, 0), GeometryError, "`kernel` must be an int or a pair"),
        (lambda: binops.max_pool2d(BITS, 2, padding=2), GeometryError, "less than `kernel`"),
        (lambda: binops.max_pool2d(BITS, 5), GeometryError, "`kernel` must fit the padded input"),
        (lambda: binops.max_pool2d(BITS, 2, invert=np.ones(3)), DtypeError, "`invert` must be a"),
        (
            lambda: binops.max_pool2d(BITS, 2, invert=np.ones(2, bool)),
            ShapeError,
            "one value for each of the 3 channels",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert isinstance(caught.value, binops.BinopsError)
