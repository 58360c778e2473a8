"""The shapes of the suite, and how their work is counted."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.shapes import CHAINED, SHAPES, Shape
from bnas import binops


@pytest.mark.parametrize("shape", [Shape(3, 5, 7, 6), Shape(1, 8, 3, 4), Shape(5, 2, 2, 5)])
def test_useful_work_is_what_ones_add_up_to(shape: Shape) -> None:
    ones = np.ones(shape.input_shape(2)), np.ones(shape.weight_shape)
    counts = binops.conv2d(*ones, padding=shape.padding)
    assert counts.sum() == shape.useful_bit_ops(2)


def test_the_suite_has_the_eight_shapes_and_five_chains() -> None:
    assert len({shape.name for shape in SHAPES}) == 8
    assert [shape.name for shape in CHAINED] == [
        "3x3 72-72 @16",
        "3x3 144-144 @8",
        "3x3 64-64 @28",
        "3x3 128-128 @14",
        "3x3 256-256 @7",
    ]
