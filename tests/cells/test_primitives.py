from __future__ import annotations

import pytest

from bnas.cells import (
    BATS_PRIMITIVES,
    DARTS_PRIMITIVES,
    PRIMITIVES,
    UnknownNameError,
    primitive,
)
from bnas.cells.testing import ALL_PRIMITIVES

SPACES = (PRIMITIVES, DARTS_PRIMITIVES, BATS_PRIMITIVES)


def test_names_and_their_order_are_those_of_the_authors_code(golden_json):
    # Architecture parameters have a column for each, in this order.
    assert list(PRIMITIVES) == golden_json("discretize_entropy")["primitives"]


def test_the_spaces_of_darts_and_bats():
    shared = {"none", "max_pool_3x3", "avg_pool_3x3"}
    of_darts = {"sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"}
    of_bats = {"group_conv_3x3", "group_conv_5x5", "dil_group_conv_3x3", "dil_group_conv_5x5"}
    assert set(DARTS_PRIMITIVES) == {*shared, "skip_connect", *of_darts}
    assert set(BATS_PRIMITIVES) == {*shared, "skip_connect", *of_bats}
    for space in SPACES:
        assert all(primitive(name) is member for name, member in space.items())


@pytest.mark.parametrize(
    ("name", "kind", "kernel", "dilation", "padding", "repeats", "groups"),
    [
        ("none", "zero", 0, 1, 0, 1, 1),
        ("skip_connect", "identity", 0, 1, 0, 1, 1),
        ("max_pool_3x3", "max_pool", 3, 1, 1, 1, 1),
        ("avg_pool_3x3", "avg_pool", 3, 1, 1, 1, 1),
        ("bin_conv_3x3", "binary_conv", 3, 1, 1, 1, 1),
        ("bin_conv_5x5", "binary_conv", 5, 1, 2, 1, 1),
        ("bin_dil_conv_3x3", "binary_conv", 3, 2, 2, 1, 1),
        ("bin_dil_conv_5x5", "binary_conv", 5, 2, 4, 1, 1),
        ("sep_conv_3x3", "separable_conv", 3, 1, 1, 2, 1),
        ("sep_conv_5x5", "separable_conv", 5, 1, 2, 2, 1),
        ("dil_conv_3x3", "separable_conv", 3, 2, 2, 1, 1),
        ("dil_conv_5x5", "separable_conv", 5, 2, 4, 1, 1),
        ("group_conv_3x3", "grouped_conv", 3, 1, 1, 1, 12),
        ("group_conv_5x5", "grouped_conv", 5, 1, 2, 1, 12),
        ("dil_group_conv_3x3", "grouped_conv", 3, 2, 2, 1, 12),
        ("dil_group_conv_5x5", "grouped_conv", 5, 2, 4, 1, 12),
    ],
)
def test_geometry(name, kind, kernel, dilation, padding, repeats, groups):
    found = primitive(name)
    assert (found.kind, found.kernel, found.dilation) == (kind, kernel, dilation)
    assert (found.padding, found.repeats, found.groups) == (padding, repeats, groups)


@pytest.mark.parametrize("name", ["skip", "sep_conv_7x7", "", None, 3, []])
def test_an_unknown_primitive_is_refused(name):
    with pytest.raises(UnknownNameError, match="unknown primitive") as caught:
        primitive(name)
    assert set(caught.value.known) == {name for space in SPACES for name in space}
    assert set(caught.value.known) == set(ALL_PRIMITIVES)
