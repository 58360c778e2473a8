"""The table kernels: every width that this machine can run equals the oracle, on any threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bnas import binops
from bnas.binops import oracles
from bnas.binops.table.isa import ISAS
from bnas.binops.testing import conv_cases

WIDTHS = [name for name, found in binops.backends().items() if found and name in ISAS]


def test_this_machine_can_run_one():
    assert WIDTHS


@pytest.mark.parametrize("backend", WIDTHS)
@settings(deadline=None, max_examples=60)
@given(case=conv_cases())
def test_every_width_equals_the_oracle(backend, case):
    expected = oracles.conv2d(case.x, case.w, **case.geometry)
    plan = binops.Conv2d(case.w, case.x.shape, backend=backend, **case.geometry)
    np.testing.assert_array_equal(plan(case.x), expected)


@pytest.mark.parametrize("backend", WIDTHS)
@settings(deadline=None, max_examples=60)
@given(case=conv_cases(max_channels=40, max_size=20, max_groups=3))
def test_every_width_makes_the_same_bits_floats_and_sums(backend, case):
    expected = oracles.conv2d(case.x, case.w, **case.geometry)
    generator = np.random.default_rng(expected.size)
    outputs = expected.shape[1]
    limit = generator.integers(-9, 9, outputs).astype(np.int32)
    flip = generator.random(outputs) < 0.5
    weight = generator.standard_normal(outputs).astype(np.float32)
    before = generator.standard_normal(expected.shape).astype(np.float32)
    plan = binops.Conv2d(
        case.w,
        case.x.shape,
        backend=backend,
        epilogue=(
            binops.Threshold(limit, flip),
            binops.Scale(weight, relu=True, accumulate=True),
            binops.Counts(),
            binops.Threshold(-limit, ~flip),
        ),
        **case.geometry,
    )
    bits, floats, counts, others = plan(case.x, (None, before.copy(), None, None))
    columns = (slice(None), None, None)
    np.testing.assert_array_equal(counts, expected)
    wanted = (expected >= limit[columns]) ^ flip[columns]
    np.testing.assert_array_equal(binops.unpack(bits) > 0, wanted)
    wanted = (expected >= -limit[columns]) ^ ~flip[columns]
    np.testing.assert_array_equal(binops.unpack(others) > 0, wanted)
    added = np.maximum(expected.astype(np.float32) * weight[columns], np.float32(0))
    np.testing.assert_array_equal(floats, before + added)


@pytest.mark.parametrize("backend", WIDTHS)
@pytest.mark.parametrize("shape", [(1, 64, 28, 28), (9, 36, 7, 7), (2, 40, 8, 8), (3, 8, 1, 1)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_threads_change_nothing(backend, shape, dilation):
    generator = np.random.default_rng(5)
    x = generator.standard_normal(shape, np.float32)
    w = generator.standard_normal((44, shape[1], 3, 3))
    limit, flip = generator.integers(-50, 50, 44).astype(np.int32), generator.random(44) < 0.5
    plan = binops.Conv2d(
        w,
        shape,
        padding=dilation,
        dilation=dilation,
        backend=backend,
        epilogue=(binops.Counts(), binops.Threshold(limit, flip)),
    )
    one, many = plan(x, threads=1), plan(x)
    np.testing.assert_array_equal(one[0], oracles.conv2d(x, w, padding=dilation, dilation=dilation))
    np.testing.assert_array_equal(one[0], many[0])
    np.testing.assert_array_equal(one[1].data, many[1].data)


@pytest.mark.parametrize("backend", WIDTHS)
def test_many_taps_are_summed_in_segments(backend):
    x = np.ones((1, 2000, 3, 3), np.float32)
    w = -np.ones((5, 2000, 3, 3), np.float32)
    counts = binops.Conv2d(w, x.shape, padding=1, backend=backend)(x)
    np.testing.assert_array_equal(counts, oracles.conv2d(x, w, padding=1))


@pytest.mark.parametrize("backend", WIDTHS)
def test_outputs_may_be_slices_of_channels(backend):
    generator = np.random.default_rng(6)
    x, w = generator.standard_normal((2, 8, 5, 5)), generator.standard_normal((8, 8, 3, 3))
    plan = binops.Conv2d(w, x.shape, padding=1, backend=backend)
    whole = np.zeros((2, 20, 5, 5), np.int32)
    plan(x, whole[:, 4:12])
    np.testing.assert_array_equal(whole[:, 4:12], oracles.conv2d(x, w, padding=1))
    assert not whole[:, :4].any()
    assert not whole[:, 12:].any()


@pytest.mark.parametrize("images", range(1, 6))
@pytest.mark.parametrize("threads", range(1, 9))
def test_no_more_lanes_than_threads(monkeypatch, images, threads):
    """Three images on four threads once asked for six."""
    plan = binops.Conv2d(np.ones((40, 64, 3, 3)), (64, 16, 16), padding=1, backend=WIDTHS[0])
    calls = []

    class Tape:
        def arena(self, lanes):
            return np.empty((lanes, 0), np.uint8)

        def run(self, arena, ports, images, threads, *, blocks):
            calls.append((len(arena), threads, blocks))

    monkeypatch.setattr(plan._kernel, "_tape", Tape())
    data = np.zeros((images, 8, 16, 16), np.uint8)
    counts = np.zeros((images, 40, 16, 16), np.int32)
    plan._kernel(data, [counts, counts], threads)
    ((lanes, used, blocks),) = calls
    assert lanes == used <= threads
    assert lanes % blocks == 0
    assert lanes >= min(images, threads)


@pytest.mark.parametrize("count", [61, 62, 130])
def test_any_number_of_epilogues(count):
    """A tape names 62 arrays at most; what needs more goes to the portable kernel."""
    x, w = np.ones((1, 8, 4, 4)), np.ones((8, 8, 3, 3))
    cut = binops.Threshold(np.arange(8, dtype=np.int32) * 9, np.zeros(8, bool))
    plan = binops.Conv2d(w, x.shape, padding=1, backend=WIDTHS[0], epilogue=(cut,) * count)
    expected = binops.Conv2d(w, x.shape, padding=1, backend="portable", epilogue=cut)(x)
    for bits in plan(x):
        np.testing.assert_array_equal(bits.data, expected.data)
