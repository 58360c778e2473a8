"""The strategies that ship: their bounds hold, and without Hypothesis the error names the extra."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bnas import binops
from bnas.binops import testing

WITHOUT_HYPOTHESIS = """
import sys
sys.modules["hypothesis"] = None
try:
    import bnas.binops.testing
except ImportError as error:
    print(type(error).__name__, error)
"""


@given(x=testing.sign_arrays(min_ndim=2, max_ndim=3, min_side=1, max_side=4, dtypes=("f2", "i1")))
def test_sign_arrays_keep_their_bounds(x):
    assert 2 <= x.ndim <= 3
    assert all(1 <= side <= 4 for side in x.shape)
    assert x.dtype in (np.float16, np.int8)
    assert not np.isnan(x.astype(float)).any()


@given(bits=testing.packed_arrays(shape=(3, 11, 2), axis=1))
def test_packed_arrays_take_a_shape_and_an_axis(bits):
    assert bits.shape == (3, 11, 2)
    assert bits.axis == 1


@given(case=testing.gemm_cases(min_rows=1, max_rows=3, min_depth=2, max_depth=9))
def test_gemm_cases_keep_their_bounds(case):
    assert case.a.shape[1] == case.b.shape[1]
    assert 1 <= len(case.a) <= 3
    assert 2 <= case.a.shape[1] <= 9


@settings(deadline=None)
@given(
    case=testing.conv_cases(
        max_images=2, max_channels=9, max_kernel=2, max_stride=1, max_dilation=1, max_groups=2
    )
)
def test_conv_cases_keep_their_bounds_and_always_fit(case):
    assert len(case.x) <= 2
    assert max(case.x.shape[1], len(case.w)) <= 9
    assert max(case.w.shape[2:]) <= 2
    assert case.stride == case.dilation == (1, 1)
    assert case.groups <= 2
    assert min(case.out_shape[1:]) >= 1


@given(case=testing.pool_cases(max_images=1, max_channels=3, max_kernel=2), data=st.data())
def test_pool_cases_keep_their_bounds(case, data):
    assert len(case.x) <= 1
    assert case.invert.shape == case.x.shape[1:2]
    assert max(case.kernel) <= 2


def test_the_strategies_reach_the_hard_cases():
    found = set()

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(case=testing.conv_cases())
    def collect(case):
        channels = case.x.shape[1] // case.groups
        found.update(
            name
            for name, hit in {
                "empty batch": len(case.x) == 0,
                "ragged group": case.groups > 1 and channels % 8,
                "whole bytes": channels % 8 == 0,
                "strided": case.x.size and not case.x.flags.c_contiguous,
                "only padding": any(
                    p >= d * (k - 1) + 1
                    for p, k, d in zip(case.padding, case.w.shape[2:], case.dilation, strict=True)
                ),
                "single pixel": case.x.shape[2:] == (1, 1),
            }.items()
            if hit
        )

    collect()
    assert found >= {"empty batch", "ragged group", "whole bytes", "strided", "only padding"}


def test_without_hypothesis_the_error_names_the_extra():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HYPOTHESIS], capture_output=True, text=True, check=True
    )
    assert "MissingExtraError" in done.stdout
    assert "bnas-binops[testing]" in done.stdout


def test_importing_the_package_is_enough_for_its_public_names():
    assert all(hasattr(binops, name) for name in binops.__all__)
