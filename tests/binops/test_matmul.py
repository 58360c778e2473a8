"""`gemm` equals the dense product of signs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bnas import binops
from bnas.binops import oracles
from bnas.binops.errors import NanError, ShapeError
from bnas.binops.testing import gemm_cases


@settings(deadline=None)
@given(case=gemm_cases())
def test_gemm_equals_the_oracle(case):
    product = binops.gemm(case.a, case.b)
    assert product.dtype == np.int32
    np.testing.assert_array_equal(product, oracles.gemm(case.a, case.b))


@settings(deadline=None)
@given(case=gemm_cases(max_rows=6, max_depth=70))
def test_packed_operands_give_the_same(case):
    left, right = binops.pack(case.a), binops.pack(case.b)
    np.testing.assert_array_equal(binops.gemm(left, right), binops.gemm(case.a, case.b))
    np.testing.assert_array_equal(binops.gemm(left, case.b), binops.gemm(case.a, case.b))


def test_threads_do_not_change_the_product():
    generator = np.random.default_rng(1)
    a, b = generator.standard_normal((130, 1100)), generator.standard_normal((101, 1100))
    one = binops.gemm(a, b, threads=1)
    np.testing.assert_array_equal(one, oracles.gemm(a, b))
    np.testing.assert_array_equal(binops.gemm(a, b), one)


@pytest.mark.parametrize(
    ("a", "b", "error", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), ShapeError, "must have the same K"),
        (np.ones(3), np.ones((2, 3)), ShapeError, "`a` must have 2 axes (got shape (3,))"),
        (np.ones((2, 3)), [1.0], ShapeError, "`b` must have 2 axes"),
        (np.ones((2, 3)), binops.pack(np.ones((2, 3)), axis=0), ShapeError, "packed on axis 1"),
        (np.full((2, 3), np.nan), np.ones((2, 3)), NanError, "`a` must not hold NaN"),
    ],
)
def test_bad_input_is_refused(a, b, error, message):
    with pytest.raises(error) as caught:
        binops.gemm(a, b)
    assert message in str(caught.value)
