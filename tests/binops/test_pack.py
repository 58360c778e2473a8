"""`pack` and `unpack`: exactly `numpy.packbits`, whatever the type, strides and axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnas import binops
from bnas.binops import oracles
from bnas.binops.errors import DtypeError, NanError, ShapeError, ThreadsError
from bnas.binops.testing import packed_arrays, sign_arrays


def _expected(x, axis):
    ones = x if x.dtype == bool else x >= 0
    return np.packbits(ones, axis=axis, bitorder="little")


@settings(deadline=None)
@given(x=sign_arrays(), data=st.data())
def test_pack_is_numpy_packbits(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    bits = binops.pack(x, axis=axis)
    np.testing.assert_array_equal(bits.data, _expected(x, axis))
    assert bits.shape == x.shape
    assert bits.axis == axis % x.ndim
    assert bits.data.flags.c_contiguous
    binops.BitTensor(bits.data, bits.axis, bits.length)


@settings(deadline=None)
@given(x=sign_arrays(max_side=11), data=st.data())
@example(x=np.array([[2**53 + 1]], np.int64), data=None)
def test_unpack_gives_the_signs_back(x, data):
    axis = 1 if data is None else data.draw(st.integers(-x.ndim, x.ndim - 1))
    signs = binops.unpack(binops.pack(x, axis=axis))
    assert signs.dtype == np.int8
    np.testing.assert_array_equal(signs, oracles.signs(x))


@given(bits=packed_arrays())
def test_pack_undoes_unpack(bits):
    signs = binops.unpack(bits)
    np.testing.assert_array_equal(signs, oracles.unpack(bits))
    np.testing.assert_array_equal(binops.pack(signs, axis=bits.axis).data, bits.data)


@settings(deadline=None)
@given(x=sign_arrays(max_ndim=4, max_side=10), data=st.data())
def test_thresholds_and_flips_equal_the_oracle(x, data):
    axis = data.draw(st.integers(0, x.ndim - 1))
    length = x.shape[axis]
    levels = [0.0, -0.0, 0.5, -1.0, np.inf, -np.inf, 1e-45, 2.0**63, -(2.0**63), 255.0]
    threshold = np.array(
        data.draw(st.lists(st.sampled_from(levels), min_size=length, max_size=length)), np.float32
    )
    flip = np.array(data.draw(st.lists(st.booleans(), min_size=length, max_size=length)), bool)
    bits = binops.pack(x, axis=axis, threshold=threshold, flip=flip)
    twin = oracles.pack(x, axis, threshold=threshold, flip=flip)
    np.testing.assert_array_equal(bits.data, twin.data)


@pytest.mark.parametrize(
    "shape", [(2, 20, 5, 7), (3, 1, 1, 1), (0, 9, 4, 4), (2, 0, 3, 3), (1, 8, 300, 200)]
)
@pytest.mark.parametrize("threads", [1, None])
def test_float32_nchw_through_the_fused_kernel(shape, threads):
    generator = np.random.default_rng(0)
    x = generator.standard_normal(shape, np.float32)
    threshold = generator.standard_normal(shape[1], np.float32)
    flip = generator.random(shape[1]) < 0.5
    expected = (x >= threshold[:, None, None]) ^ flip[:, None, None]
    bits = binops.pack(x, threshold=threshold, flip=flip, threads=threads)
    np.testing.assert_array_equal(bits.data, np.packbits(expected, axis=1, bitorder="little"))


def test_an_infinite_threshold_makes_a_channel_constant():
    x = np.zeros((1, 2, 3, 3), np.float32)
    signs = binops.unpack(binops.pack(x, threshold=np.array([np.inf, -np.inf], np.float32)))
    assert (signs[0, 0] == -1).all()
    assert (signs[0, 1] == 1).all()


def test_a_large_integer_meets_its_threshold_exactly():
    x = np.array([[2**53 + 1, 2**62, -(2**63)]], np.int64)
    threshold = np.array([2.0**53, 2.0**63, -(2.0**63)], np.float32)
    np.testing.assert_array_equal(binops.unpack(binops.pack(x, threshold=threshold)), [[1, -1, 1]])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64, np.bool_])
def test_an_integer_meets_a_fractional_threshold(dtype):
    x = np.array([[0, 1]], dtype)
    numbers = np.where(x, 1, -1) if dtype == np.bool_ else x
    for level in (-1.5, -0.5, 0.0, 0.5, 1.0, 1.5):
        bits = binops.pack(x, threshold=np.full(2, level, np.float32))
        np.testing.assert_array_equal(binops.unpack(bits) > 0, numbers >= level)


def test_negative_zero_is_plus_one_and_false_is_minus_one():
    np.testing.assert_array_equal(binops.unpack(binops.pack([[-0.0, 0.0]])), [[1, 1]])
    np.testing.assert_array_equal(binops.unpack(binops.pack([[True, False]])), [[1, -1]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_nan_is_refused_with_its_first_index(dtype, axis):
    x = np.ones((2, 3, 4, 5), dtype)
    x[1, 2, 0, 3] = x[1, 2, 3, 0] = np.nan
    with pytest.raises(NanError, match=r"first at index \(1, 2, 0, 3\)") as caught:
        binops.pack(x, axis=axis)
    assert caught.value.index == (1, 2, 0, 3)


class _OnlyArrayProtocol:
    def __array__(self, dtype=None, copy=None):
        return np.array([[1.0, -1.0]])


class _OnlyDlpack:
    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class _OnGpu:
    __cuda_array_interface__ = {"shape": (1, 2), "typestr": "<f4", "data": (0, False)}


@pytest.mark.parametrize("foreign", [_OnlyArrayProtocol(), _OnlyDlpack(np.array([[1.0, -1.0]]))])
def test_foreign_arrays_are_read(foreign):
    np.testing.assert_array_equal(binops.unpack(binops.pack(foreign)), [[1, -1]])


def test_read_only_input_is_read():
    x = np.frombuffer(np.array([1.0, -1.0], np.float32).tobytes(), np.float32)
    assert not x.flags.writeable
    np.testing.assert_array_equal(binops.unpack(binops.pack(x.reshape(1, 2))), [[1, -1]])


ONES = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: binops.pack(np.float32(1)), ShapeError, "got axis=1 for 0 axes"),
        (lambda: binops.pack(ONES, axis=2), ShapeError, "got axis=2 for 2 axes"),
        (lambda: binops.pack(ONES, axis=-3), ShapeError, "got axis=-3 for 2 axes"),
        (lambda: binops.pack(ONES * 1j), DtypeError, "got dtype complex64"),
        (lambda: binops.pack([["a"]]), DtypeError, "must hold bools, integers or floats"),
        (lambda: binops.pack([[1], [1, 2]]), DtypeError, "must be an array of numbers"),
        (lambda: binops.pack([[1]], threshold=_OnGpu()), DtypeError, "it lives in GPU memory"),
        (lambda: binops.pack(ONES, threshold=np.ones(2)), ShapeError, "`threshold` must have one"),
        (lambda: binops.pack(ONES, threshold=[0, np.nan, 0]), NanError, "first at index 1"),
        (lambda: binops.pack(ONES, flip=np.ones(3)), DtypeError, "`flip` must be a bool array"),
        (lambda: binops.pack(ONES, flip=np.ones(4, bool)), ShapeError, "`flip` must have one"),
        (lambda: binops.pack(np.ones((1, 2, 3), "f4"), threads=0), ThreadsError, "from 1 to"),
        (lambda: binops.unpack(ONES), DtypeError, "`bits` must be a BitTensor (got ndarray)"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert isinstance(caught.value, binops.BinopsError)
