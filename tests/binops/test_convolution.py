"""`conv2d` and `Conv2d` equal the dense convolution of signs with zero padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bnas import binops
from bnas.binops import oracles
from bnas.binops.errors import DtypeError, GeometryError, NanError, ShapeError, ThreadsError
from bnas.binops.testing import conv_cases


@settings(deadline=None, max_examples=200)
@given(case=conv_cases())
def test_conv2d_equals_the_oracle(case):
    counts = binops.conv2d(case.x, case.w, **case.geometry)
    assert counts.dtype == np.int32
    assert counts.shape == case.out_shape
    np.testing.assert_array_equal(counts, oracles.conv2d(case.x, case.w, **case.geometry))


@settings(deadline=None)
@given(case=conv_cases(max_channels=12, max_size=7))
def test_a_plan_takes_bits_or_numbers_and_any_batch(case):
    expected = oracles.conv2d(case.x, case.w, **case.geometry)
    plan = binops.Conv2d(binops.pack(case.w), case.x.shape[1:], **case.geometry)
    assert plan.output_shape == expected.shape[1:]
    np.testing.assert_array_equal(plan(case.x), expected)
    np.testing.assert_array_equal(plan(binops.pack(case.x)), expected)
    np.testing.assert_array_equal(
        plan(np.concatenate([case.x, case.x])), np.concatenate([expected, expected])
    )


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(
    ("channels", "outputs", "groups"), [(36, 20, 1), (30, 12, 3), (10, 10, 10)]
)
def test_the_geometries_of_networks(kernel, stride, dilation, channels, outputs, groups):
    generator = np.random.default_rng(kernel)
    x = generator.standard_normal((2, channels, 11, 13))
    w = generator.standard_normal((outputs, channels // groups, kernel, kernel))
    padding = dilation * (kernel - 1) // 2
    counts = binops.conv2d(x, w, stride, padding, dilation, groups)
    np.testing.assert_array_equal(counts, oracles.conv2d(x, w, stride, padding, dilation, groups))


@pytest.mark.parametrize("shape", [(2, 64, 40, 37), (1, 24, 3, 2000), (5, 300, 9, 9)])
def test_threads_do_not_change_the_counts(shape):
    generator = np.random.default_rng(2)
    x = generator.standard_normal(shape, np.float32)
    w = generator.standard_normal((42, shape[1], 3, 3), np.float32)
    one = binops.conv2d(x, w, padding=1, threads=1)
    np.testing.assert_array_equal(one, oracles.conv2d(x, w, padding=1))
    np.testing.assert_array_equal(binops.conv2d(x, w, padding=1), one)


def test_a_dot_product_longer_than_16_bits():
    x = np.ones((1, 9000, 3, 3), np.float32)
    w = -np.ones((1, 9000, 3, 3), np.float32)
    assert binops.conv2d(x, w).item() == -81000
    assert binops.conv2d(x, w, padding=1)[0, 0, 0, 0] == -36000


def test_padding_adds_nothing():
    x, w = np.ones((1, 1, 1, 1)), np.ones((1, 1, 3, 3))
    np.testing.assert_array_equal(
        binops.conv2d(x, w, padding=3),
        np.pad(np.ones((1, 1, 3, 3)), ((0, 0), (0, 0), (1, 1), (1, 1))),
    )


def test_a_fresh_array_each_call_and_out_is_reused():
    plan = binops.Conv2d(np.ones((4, 8, 1, 1)), (1, 8, 5, 5))
    x = np.ones((2, 8, 5, 5))
    first, second = plan(x), plan(x)
    assert not np.may_share_memory(first, second)
    out = np.zeros_like(first)
    assert plan(x, out) is out
    np.testing.assert_array_equal(out, first)


def test_read_only_bits_are_read():
    bits = binops.pack(np.ones((1, 8, 4, 4)))
    bits.data.flags.writeable = False
    np.testing.assert_array_equal(binops.conv2d(bits, np.ones((1, 8, 1, 1))), 8)


X, W = np.ones((2, 6, 5, 5), np.float32), np.ones((4, 6, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: binops.conv2d(X, W, groups=4),
            GeometryError,
            "`groups` must divide `in_channels` (got groups=4, in_channels=6)",
        ),
        (
            lambda: binops.conv2d(X, W[:, :2], groups=3),
            GeometryError,
            "`groups` must divide `out_channels` (got groups=3, out_channels=4)",
        ),
        (lambda: binops.conv2d(X, W, groups=0), GeometryError, "`groups` must be an int of at"),
        (lambda: binops.conv2d(X, W, groups=2), ShapeError, "in_channels/groups = 3 input"),
        (lambda: binops.conv2d(X, W, stride=0), GeometryError, "`stride` must be an int or a pair"),
        (lambda: binops.conv2d(X, W, stride=(1, 2, 3)), GeometryError, "(got (1, 2, 3))"),
        (lambda: binops.conv2d(X, W, stride=1.5), GeometryError, "(got 1.5)"),
        (lambda: binops.conv2d(X, W, padding=-1), GeometryError, "`padding` must be an int or"),
        (lambda: binops.conv2d(X, W, dilation=0), GeometryError, "`dilation` must be an int or"),
        (lambda: binops.conv2d(X, W, dilation=3), GeometryError, "must fit the padded input"),
        (lambda: binops.conv2d(X[0], W), ShapeError, "`x` must have 4 axes (got shape (6, 5, 5))"),
        (lambda: binops.conv2d(X, W[0]), ShapeError, "`w` must have 4 axes"),
        (lambda: binops.conv2d(X[:, :0], W[:, :0]), ShapeError, "C, H, W at least 1"),
        (lambda: binops.conv2d(X, W[:0]), ShapeError, "each at least 1 (got (0, 6, 3, 3))"),
        (lambda: binops.conv2d(binops.pack(X, axis=2), W), ShapeError, "packed on axis 1"),
        (lambda: binops.conv2d(X * np.nan, W), NanError, "`x` must not hold NaN"),
        (lambda: binops.conv2d(X, W * np.nan), NanError, "`w` must not hold NaN"),
        (lambda: binops.conv2d(X, W, threads=10**6), ThreadsError, "NUMBA_NUM_THREADS"),
        (lambda: binops.Conv2d(W, (5, 5)), ShapeError, "(N, C, H, W) or (C, H, W)"),
        (lambda: binops.Conv2d(W, (6, 5, 5))(X[..., :4]), ShapeError, "(N, 6, 5, 5) for this plan"),
        (
            lambda: binops.Conv2d(W, (6, 5, 5))(X, np.zeros((2, 4, 3, 3))),
            DtypeError,
            "`out` must be a NumPy array of int32 (got float64 array)",
        ),
        (
            lambda: binops.Conv2d(W, (6, 5, 5))(X, np.zeros((2, 4, 3, 2), np.int32)),
            ShapeError,
            "`out` must have shape (2, 4, 3, 3)",
        ),
        (
            lambda: binops.Conv2d(W, (6, 5, 5))(X, np.zeros((2, 4, 3, 6), np.int32)[..., ::2]),
            DtypeError,
            "hold whole planes",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert isinstance(caught.value, binops.BinopsError)
