"""Every epilogue equals its oracle: bits exactly, floats bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnas import binops
from bnas.binops import Counts, Scale, Threshold, oracles
from bnas.binops.errors import DtypeError, EpilogueError, ShapeError
from bnas.binops.testing import conv_cases

SMALL = {"max_channels": 14, "max_size": 7, "max_groups": 3}
EXTREMES = [-(2**31), 2**31 - 1]


def _threshold(generator, outputs, length):
    values = generator.integers(-length - 1, length + 2, outputs)
    values[generator.random(outputs) < 0.2] = generator.choice(EXTREMES)
    return Threshold(values, generator.random(outputs) < 0.5)


def _scale(generator, outputs, **options):
    values = generator.standard_normal(outputs, np.float32)
    values[generator.random(outputs) < 0.2] = 0
    return Scale(values, **options)


def _same_floats(one, other):
    assert one.dtype == other.dtype == np.float32
    np.testing.assert_array_equal(one.view(np.int32), other.view(np.int32))


@settings(deadline=None)
@given(case=conv_cases(**SMALL), seed=st.integers(0, 2**32 - 1))
def test_threshold_equals_the_oracle(case, seed):
    epilogue = _threshold(np.random.default_rng(seed), len(case.w), case.w[0].size)
    plan = binops.Conv2d(case.w, case.x.shape[1:], epilogue=epilogue, **case.geometry)
    bits = plan(case.x)
    twin = oracles.threshold(oracles.conv2d(case.x, case.w, **case.geometry), epilogue)
    np.testing.assert_array_equal(bits.data, twin.data)
    assert (bits.axis, bits.shape) == (1, case.out_shape)
    out = binops.BitTensor(np.zeros_like(bits.data), 1, bits.length)
    assert plan(case.x, out) is out
    np.testing.assert_array_equal(out.data, twin.data)


@settings(deadline=None)
@given(case=conv_cases(**SMALL), relu=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_scale_is_numpy_float32_bit_for_bit(case, relu, seed):
    epilogue = _scale(np.random.default_rng(seed), len(case.w), relu=relu)
    floats = binops.Conv2d(case.w, case.x.shape[1:], epilogue=epilogue, **case.geometry)(case.x)
    counts = oracles.conv2d(case.x, case.w, **case.geometry)
    _same_floats(floats, oracles.scale(counts, epilogue))


@settings(deadline=None)
@given(
    case=conv_cases(**SMALL),
    relu=st.booleans(),
    before=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_scale_accumulates_into_a_slice_of_channels(case, relu, before, seed):
    generator = np.random.default_rng(seed)
    epilogue = _scale(generator, len(case.w), relu=relu, accumulate=True)
    images, outputs, height, width = case.out_shape
    buffer = generator.standard_normal((images, before + outputs + 2, height, width), np.float32)
    expected = buffer.copy()
    view = buffer[:, before : before + outputs]
    counts = oracles.conv2d(case.x, case.w, **case.geometry)
    expected[:, before : before + outputs] = oracles.scale(counts, epilogue, view)
    plan = binops.Conv2d(case.w, case.x.shape[1:], epilogue=epilogue, **case.geometry)
    assert plan(case.x, view) is view
    _same_floats(buffer, expected)


@settings(deadline=None)
@given(case=conv_cases(**SMALL), seed=st.integers(0, 2**32 - 1))
def test_a_tuple_gives_all_outputs_of_one_computation(case, seed):
    generator = np.random.default_rng(seed)
    outputs = len(case.w)
    first, second = (_threshold(generator, outputs, case.w[0].size) for _ in range(2))
    plain = _scale(generator, outputs)
    summed = _scale(generator, outputs, relu=True, accumulate=True)
    plan = binops.Conv2d(
        case.w, case.x.shape[1:], **case.geometry, epilogue=(first, summed, Counts(), plain, second)
    )
    counts = oracles.conv2d(case.x, case.w, **case.geometry)
    stream = generator.standard_normal(case.out_shape, np.float32)
    expected = oracles.scale(counts, summed, stream)
    given_bits = binops.pack(np.ones(case.out_shape, np.float32))
    results = plan(case.x, (None, stream, None, None, given_bits))
    assert results[1] is stream
    assert results[4] is given_bits
    np.testing.assert_array_equal(results[0].data, oracles.threshold(counts, first).data)
    _same_floats(stream, expected)
    np.testing.assert_array_equal(results[2], counts)
    _same_floats(results[3], oracles.scale(counts, plain))
    np.testing.assert_array_equal(given_bits.data, oracles.threshold(counts, second).data)


def test_two_scales_add_up_in_order_without_counts_asked_for():
    x, w = np.ones((2, 8, 3, 3)), np.ones((3, 8, 1, 1))
    scales = np.array([0.1, -0.2, 0.3], np.float32)
    epilogue = (Scale(scales, accumulate=True), Scale(scales, accumulate=True, relu=True))
    stream = np.zeros((2, 3, 3, 3), np.float32)
    results = binops.Conv2d(w, x.shape, epilogue=epilogue)(x, (stream, stream))
    assert results[0] is results[1] is stream
    one = np.float32(8) * scales
    _same_floats(stream[0, :, 0, 0], one + np.where(one > 0, one, np.float32(0)))


def test_threads_do_not_change_any_epilogue():
    generator = np.random.default_rng(3)
    x = generator.standard_normal((3, 40, 30, 30), np.float32)
    w = generator.standard_normal((75, 20, 3, 3), np.float32)[:74]
    epilogue = (_threshold(generator, 74, 180), _scale(generator, 74, relu=True), "int32")
    plan = binops.Conv2d(w, x.shape, padding=1, groups=2, epilogue=epilogue)
    one, many = plan(x, threads=1), plan(x)
    np.testing.assert_array_equal(one[0].data, many[0].data)
    _same_floats(one[1], many[1])
    np.testing.assert_array_equal(one[2], many[2])
    np.testing.assert_array_equal(one[2], oracles.conv2d(x, w, padding=1, groups=2))


def test_counts_go_into_a_slice_of_channels():
    buffer = np.full((2, 5, 4, 4), 7, np.int32)
    plan = binops.Conv2d(np.ones((2, 8, 1, 1)), (8, 4, 4), epilogue=Counts())
    plan(np.ones((2, 8, 4, 4)), buffer[:, 1:3])
    np.testing.assert_array_equal(buffer[:, 1:3], 8)
    np.testing.assert_array_equal(buffer[:, [0, 3, 4]], 7)


W, SHAPE = np.ones((2, 8, 1, 1)), (8, 4, 4)
X = np.ones((1, *SHAPE))
BITS = Threshold([1, 2], [True, False])
ACCUMULATE = Scale(np.ones(2), accumulate=True)


def _run(epilogue, out=None):
    return binops.Conv2d(W, SHAPE, epilogue=epilogue)(X, out)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: _run("float"), EpilogueError, '`epilogue` must be "int32", Counts()'),
        (lambda: _run(()), EpilogueError, "must not be an empty tuple"),
        (lambda: _run((Counts(), "int32")), EpilogueError, "the counts once at most"),
        (lambda: _run(Scale(np.ones(3))), EpilogueError, "one value for each of the 2 output"),
        (lambda: Scale(np.ones((2, 1))), EpilogueError, "`scale` must be one-dimensional"),
        (lambda: Scale(np.array([np.inf])), EpilogueError, "`scale` must hold finite numbers"),
        (lambda: Threshold(np.ones(2), np.ones(2, bool)), EpilogueError, "integers that fit int32"),
        (lambda: Threshold([2**31], [True]), EpilogueError, "integers that fit int32"),
        (lambda: Threshold([1, 2], [1, 0]), EpilogueError, "`flip` must be a bool array"),
        (lambda: Threshold([1, 2], [True]), EpilogueError, "of one length"),
        (lambda: _run(ACCUMULATE), EpilogueError, "`out` must be given where Scale has"),
        (lambda: _run((ACCUMULATE, "int32"), X), EpilogueError, "`out` must be a tuple of 2"),
        (lambda: _run((ACCUMULATE, "int32"), (X,)), EpilogueError, "`out` must be a tuple of 2"),
        (lambda: _run(ACCUMULATE, np.zeros((1, 2, 4, 4))), DtypeError, "NumPy array of float32"),
        (lambda: _run(BITS, X), DtypeError, "`out` must be a BitTensor for Threshold"),
        (
            lambda: _run(BITS, binops.pack(X)),
            ShapeError,
            "writable BitTensor of shape (1, 2, 4, 4)",
        ),
    ],
)
def test_bad_epilogues_are_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert isinstance(caught.value, binops.BinopsError)
