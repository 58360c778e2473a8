"""Max pooling of bits on a GPU."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bnas import binops
from bnas.binops import oracles
from bnas.binops.errors import GeometryError
from bnas.binops.testing import pool_cases

LARGE = [((64, 130, 56, 56), 2, 2, 0), ((3, 64, 112, 112), 3, 2, 1)]


def pooled(on_gpu, bits, *arguments, **keywords):
    moved = binops.BitTensor.from_kernel(on_gpu(bits.data), 1, bits.length)
    return binops.max_pool2d(moved, *arguments, **keywords).data.copy_to_host()


@settings(deadline=None, max_examples=8)
@given(case=pool_cases(max_images=2, max_size=6))
def test_pooling_equals_the_oracle(on_gpu, case):
    keywords = {"stride": case.stride, "padding": case.padding, "invert": case.invert}
    bits = binops.pack(case.x)
    expected = oracles.max_pool2d(bits, case.kernel, **keywords)
    found = pooled(on_gpu, bits, case.kernel, **keywords)
    np.testing.assert_array_equal(found, expected.data)


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding"),
    [
        ((2, 9, 5, 6), 3, 2, 1),
        ((1, 70, 4, 4), 2, 2, 0),
        *(pytest.param(*case, marks=pytest.mark.gpu) for case in LARGE),
    ],
)
def test_pooling_equals_the_cpu_s(on_gpu, shape, kernel, stride, padding):
    generator = np.random.default_rng(0)
    bits = binops.pack(generator.standard_normal(shape).astype(np.float32))
    keywords = {"stride": stride, "padding": padding}
    expected = binops.max_pool2d(bits, kernel, **keywords).data
    np.testing.assert_array_equal(pooled(on_gpu, bits, kernel, **keywords), expected)
    invert = generator.random(shape[1]) < 0.5
    expected = binops.max_pool2d(bits, kernel, invert=invert, **keywords).data
    found = pooled(on_gpu, bits, kernel, invert=on_gpu(invert), **keywords)
    np.testing.assert_array_equal(found, expected)


def test_a_window_that_does_not_fit_is_refused(on_gpu):
    bits = binops.pack(on_gpu(np.ones((1, 8, 4, 4), np.float32)))
    with pytest.raises(GeometryError, match="must fit the padded input"):
        binops.max_pool2d(bits, 5)
