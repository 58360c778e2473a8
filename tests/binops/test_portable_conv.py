"""The portable convolution cuts its work so that no two threads write one byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas import binops
from bnas.binops.epilogues import Counts, Scale
from bnas.binops.geometry import conv_geometry
from bnas.binops.portable import border, conv
from bnas.binops.portable.conv import PortableConv


@given(
    outputs=st.integers(1, 300),
    channels=st.integers(1, 600),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    images=st.integers(1, 40),
    threads=st.integers(1, 64),
)
def test_the_split_covers_everything_in_whole_bytes(outputs, channels, size, images, threads):
    geometry = conv_geometry((channels, *size), (outputs, channels, 1, 1))
    weights = np.zeros((outputs, -(-channels // 8), 1, 1), np.uint8)
    kernel = PortableConv(geometry, weights, (Counts(),))
    split = kernel._split(images, threads)
    assert split.outputs % 8 == 0
    assert (split.output_blocks - 1) * split.outputs < outputs
    assert split.output_blocks * split.outputs >= outputs
    assert (split.row_blocks - 1) * split.rows < size[0] <= split.row_blocks * split.rows


@pytest.mark.parametrize(("padding", "outside"), [(0, 0), (1, 16), (2, 24 + 16)])
def test_the_border_is_where_the_window_hangs_over_the_edge(padding, outside):
    geometry = conv_geometry((8, 5, 5), (1, 8, 3, 3), padding=padding)
    found = border.prepare_border(geometry, np.ones((1, 3, 3), np.int64))
    assert len(found.columns) == len(found.tap_sets) == found.row_starts[-1] == outside
    # With padding 2 a corner window sees one pixel, so eight of its taps are missing.
    assert found.corrections.max() == {0: 0, 1: 5, 2: 8}[padding]


@pytest.mark.parametrize("epilogue", [Counts(), Scale(np.float32([2, -3, 0.5, 1, 0, 4, 1, 9, -2]))])
def test_small_work_may_be_shared_out_too(monkeypatch, epilogue):
    """As large work is, which takes too long where it runs as Python."""
    monkeypatch.setattr(conv, "SERIAL_BYTES", 0)
    generator = np.random.default_rng(0)
    x, w = generator.standard_normal((3, 10, 7, 6)), generator.standard_normal((9, 10, 3, 3))
    plan = binops.Conv2d(w, x.shape, padding=1, epilogue=epilogue, backend="portable")
    np.testing.assert_array_equal(plan(x, threads=2), plan(x, threads=1))
