"""`pack` and `unpack` on a GPU: the same bits as on the CPU, whatever the type and layout."""

from __future__ import annotations

import numpy as np
import pytest

from bnas import binops
from bnas.binops.cuda import operations
from bnas.binops.cuda.arrays import ITEM_BYTES, as_gpu_array
from bnas.binops.cuda.keys import LIVE, Key, cuts
from bnas.binops.cuda.pack_planes import as_planes
from bnas.binops.errors import BitTensorError, DtypeError, NanError, ShapeError

SPECIAL = (0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 3e38, -3e38, np.inf, -np.inf, 0.5, -1.5)
LEVELS = (*SPECIAL, 1e-7, 65504.0, 70000.0, -70000.0, 2.0**31, 2.0**63, -(2.0**63), 255.0, 6e-8)
NUMPY_TYPES = [name for name in ITEM_BYTES if name != "bfloat16"]
# Wide (inner axis of whole 16 bytes), strided, rows, and tails of each.
SHAPES = [((2, 11, 4, 4), 1), ((2, 9, 5), 1), ((3, 130), 1), ((5, 3, 2), 0), ((2, 3, 16), 1)]
LARGE = [((64, 512, 28, 28), 1), ((3, 77, 56, 56), 1), ((1000, 4097), 1), ((31, 5, 333), -1)]


def numbers(shape, dtype, seed=0):
    generator = np.random.default_rng(seed)
    if dtype == "bool":
        return generator.random(shape) < 0.5
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        values = generator.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
        return np.where(generator.random(shape) < 0.3, np.sign(values), values).astype(dtype)
    values = generator.standard_normal(shape)
    special = np.array(SPECIAL)[generator.integers(0, len(SPECIAL), shape)]
    with np.errstate(over="ignore"):
        return np.where(generator.random(shape) < 0.3, special, values).astype(dtype)


def limits(length, seed=0):
    generator = np.random.default_rng(seed)
    threshold = np.array(LEVELS)[generator.integers(0, len(LEVELS), length)]
    return {"threshold": threshold.astype(np.float32), "flip": generator.random(length) < 0.5}


def check(on_gpu, x, axis, **given):
    """Pack on both, and unpack."""
    expected = binops.pack(x, axis, **given)
    found = binops.pack(on_gpu(x), axis, **given)
    assert (found.shape, found.axis, found.is_on_gpu) == (x.shape, expected.axis, True)
    np.testing.assert_array_equal(found.data.copy_to_host(), expected.data)
    signs = binops.unpack(found)
    assert signs.dtype == np.int8
    np.testing.assert_array_equal(signs.copy_to_host(), binops.unpack(expected))


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "bool"])
def test_the_bits_are_the_cpu_s(on_gpu, shape, axis, dtype):
    check(on_gpu, numbers(shape, dtype), axis)


@pytest.mark.parametrize("dtype", NUMPY_TYPES)
def test_every_type_meets_every_threshold(on_gpu, dtype):
    length = 3 * len(LEVELS)
    check(on_gpu, numbers((3, length, 8), dtype), 1, **limits(length))
    check(on_gpu, numbers((3, length), dtype, 1), 1, **limits(length, 1))


@pytest.mark.gpu
@pytest.mark.parametrize(("shape", "axis"), LARGE)
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "uint8"])
def test_large_arrays_are_packed(on_gpu, shape, axis, dtype):
    x = numbers(shape, dtype)
    check(on_gpu, x, axis)
    check(on_gpu, x, axis, **limits(shape[axis]))


@pytest.mark.parametrize("dtype", ITEM_BYTES)
def test_cuts_compare_as_thresholds_do(dtype):
    """The keys against NumPy's comparison in float64, which holds float32 and halves exactly."""
    thresholds = np.array(LEVELS, np.float32)
    if dtype == "bfloat16":
        bits = np.arange(0, 1 << 16, 7, dtype=np.uint32) << 16
        values = bits.view(np.float32)
        values = values[~np.isnan(values)]
        cells = (values.view(np.uint32) >> 16).astype(np.uint16)
    else:
        values = numbers(500, dtype)
        values = np.concatenate([values, np.unique(values)])
        cells = values
    expected = binops.unpack(
        binops.pack(
            np.repeat(values[:, None], len(thresholds), axis=1), axis=1, threshold=thresholds
        )
    )
    found, modes = cuts(dtype, thresholds, None, len(thresholds))
    keys = cells
    if Key(dtype).is_real:
        bits = cells.view(Key(dtype).cell)
        most = np.iinfo(bits.dtype).max >> 1
        magnitudes = (bits & np.array(most, bits.dtype)).astype(Key(dtype).cut)
        keys = np.where(bits > most, -magnitudes, magnitudes)
    ones = (keys[:, None] >= found) & (modes & LIVE != 0)
    np.testing.assert_array_equal(ones, expected > 0)


def test_bfloat16_is_packed(on_gpu, foreign):
    values = numbers((2, 9, 8), "float32")
    halves = (values.view(np.uint32) >> 16).astype(np.uint16)
    rounded = (halves.astype(np.uint32) << 16).view(np.float32)

    class Half(foreign):
        shape, dtype = values.shape, "bfloat16"

    given = limits(9)
    for chosen in ({}, given):
        found = binops.pack(Half(on_gpu(halves), typestr="<V2"), **chosen)
        expected = binops.pack(rounded, **chosen)
        np.testing.assert_array_equal(found.data.copy_to_host(), expected.data)
    halves[1, 2, 3] = 0xFFC0
    with pytest.raises(NanError, match=r"first at index \(1, 2, 3\)"):
        binops.pack(Half(on_gpu(halves), typestr="<V2"))


@pytest.mark.parametrize(
    ("view", "axis"),
    [
        (lambda x: x.transpose(0, 3, 1, 2), 1),  # channels last
        (lambda x: x[:, 2:, :, ::-1], 1),
        (lambda x: x[:, :, 1:3, 1:3], 1),  # needs a copy
        (lambda x: x[::2, ::-1], 1),
        (lambda x: x, 2),
        (lambda x: x[:0], 1),
        (lambda x: x[:, :0], 1),
    ],
)
def test_views_are_packed(on_gpu, foreign, view, axis):
    x = numbers((2, 9, 4, 5), "float32")
    whole, wanted = on_gpu(x), view(x)
    offset = wanted.__array_interface__["data"][0] - x.__array_interface__["data"][0]
    pointer = as_gpu_array(whole, "x").pointer + offset
    shown = foreign(whole, shape=wanted.shape, strides=wanted.strides, data=(pointer, False))
    found = binops.pack(shown, axis)
    np.testing.assert_array_equal(found.data.copy_to_host(), binops.pack(wanted, axis).data)


def test_only_what_needs_it_is_copied(on_gpu):
    x = as_gpu_array(on_gpu(numbers((2, 3, 4, 5), "float32")), "x")
    planes = as_planes(x, 1)
    assert (planes.sizes, planes.steps) == ((2, 3, 20), (60, 20, 1))
    assert planes.is_wide
    assert not as_planes(as_gpu_array(on_gpu(numbers((2, 3, 7), "float16")), "x"), 1).is_wide


def test_thresholds_may_live_on_the_gpu(on_gpu):
    x, given = numbers((2, 9, 4), "float32"), limits(9)
    found = binops.pack(on_gpu(x), **{name: on_gpu(value) for name, value in given.items()})
    np.testing.assert_array_equal(found.data.copy_to_host(), binops.pack(x, **given).data)


@pytest.mark.parametrize(
    ("shape", "axis"), [((2, 3, 4), 1), ((2, 3, 5), 1), ((2, 40), 1), ((2, 3, 4), 0)]
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_is_refused_with_its_first_index(on_gpu, shape, axis, dtype):
    x = np.ones(shape, dtype)
    x[1, -1] = np.nan
    index = (1, shape[1] - 1, *(0,) * (len(shape) - 2))
    with pytest.raises(NanError) as caught:
        binops.pack(on_gpu(x), axis)
    assert caught.value.index == index
    with pytest.raises(NanError):
        binops.pack(on_gpu(x), axis, **limits(shape[axis]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"axis": 3}, ShapeError, "`axis` must be an axis of `x`"),
        ({"threshold": [1.0]}, ShapeError, "`threshold` must have one value"),
        ({"threshold": [np.nan] * 3}, NanError, "`threshold` must not hold NaN"),
        ({"flip": [1, 0, 1]}, DtypeError, "`flip` must be a bool array"),
    ],
)
def test_bad_arguments_are_refused(on_gpu, arguments, error, message):
    with pytest.raises(error, match=message):
        binops.pack(on_gpu(np.ones((2, 3), np.float32)), **arguments)


def test_complex_numbers_are_refused(on_gpu):
    with pytest.raises(DtypeError, match="got dtype complex64"):
        binops.pack(on_gpu(np.ones((2, 2), np.complex64)))


def test_bits_on_a_gpu_are_checked(on_gpu):
    bits = binops.BitTensor(on_gpu(np.full((2, 1), 7, np.uint8)), axis=1, length=3)
    assert bits.shape == (2, 3)
    assert (bits.ndim, bits.nbytes) == (2, 2)
    assert repr(bits) == "BitTensor(shape=(2, 3), axis=1, 2 bytes on a GPU)"
    with pytest.raises(BitTensorError, match="unused tail bits must be 0"):
        binops.BitTensor(bits.data, axis=1, length=2)
    with pytest.raises(BitTensorError, match=r"uint8 NumPy array, or one on a GPU \(got int8"):
        binops.BitTensor(on_gpu(np.ones((2, 1), np.int8)), axis=1, length=3)
    with pytest.raises(BitTensorError, match="`axis` must be an int from 0 to 1"):
        binops.BitTensor(bits.data, axis=2, length=3)


def test_strided_bits_are_unpacked(on_gpu):
    x = numbers((6, 20), "int8")
    packed = on_gpu(binops.pack(x).data)
    bits = binops.BitTensor(packed[::2], axis=1, length=20)
    np.testing.assert_array_equal(
        binops.unpack(bits).copy_to_host(), binops.unpack(binops.pack(x[::2]))
    )


def test_to_host_leaves_the_host_s_arrays_alone(on_gpu):
    values = [1, 2]
    assert operations.to_host(values, "x") is values
    assert operations.to_host(None, "x") is None
    empty = operations.to_host(on_gpu(np.empty((0, 2), np.float32)), "x")
    assert (empty.shape, empty.dtype) == ((0, 2), np.float32)
