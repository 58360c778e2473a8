from __future__ import annotations

import pytest

from bnas.cells import PRIMITIVES, UnknownNameError, primitive


def test_names_and_their_order_are_those_of_the_authors_code(golden_json):
    # Architecture parameters have a column for each, in this order.
    assert list(PRIMITIVES) == golden_json("discretize_entropy")["primitives"]


@pytest.mark.parametrize(
    ("name", "kind", "kernel", "dilation", "padding"),
    [
        ("none", "zero", 0, 1, 0),
        ("max_pool_3x3", "max_pool", 3, 1, 1),
        ("avg_pool_3x3", "avg_pool", 3, 1, 1),
        ("bin_conv_3x3", "binary_conv", 3, 1, 1),
        ("bin_conv_5x5", "binary_conv", 5, 1, 2),
        ("bin_dil_conv_3x3", "binary_conv", 3, 2, 2),
        ("bin_dil_conv_5x5", "binary_conv", 5, 2, 4),
    ],
)
def test_geometry(name, kind, kernel, dilation, padding):
    found = primitive(name)
    assert (found.kind, found.kernel, found.dilation) == (kind, kernel, dilation)
    assert found.padding == padding


@pytest.mark.parametrize("name", ["skip_connect", "sep_conv_3x3", "", None, 3, []])
def test_an_unknown_primitive_is_refused(name):
    with pytest.raises(UnknownNameError, match="unknown primitive") as caught:
        primitive(name)
    assert caught.value.known == tuple(PRIMITIVES)
