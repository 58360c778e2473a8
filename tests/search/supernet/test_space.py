from __future__ import annotations

import pytest

from bnas import cells, search


def test_defaults_are_the_papers():
    space = search.SearchSpace()
    assert space.primitives == tuple(cells.PRIMITIVES)
    assert space.arch_shape == (14, 7)
    assert space.reductions == {2, 5}


def test_edges_are_the_rows_of_discretize():
    space = search.SearchSpace()
    rows = [space.edge(node, state) for node in range(4) for state in range(2 + node)]
    assert rows == list(range(14))
    assert [space.readers(state) for state in range(5)] == [
        (0, 1, 2, 3),
        (0, 1, 2, 3),
        (1, 2, 3),
        (2, 3),
        (3,),
    ]


def test_json_round_trip():
    space = search.SearchSpace(primitives=("bin_conv_3x3", "none"), cells=3, skip="none")
    assert search.SearchSpace.from_json(space.to_json()) == space
    assert search.SearchSpace.from_json("{}") == search.SearchSpace()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"primitives": ()}, "other than 'none'"),
        ({"primitives": ("none",)}, "other than 'none'"),
        ({"primitives": ("bin_conv_3x3",) * 2}, "differ"),
        ({"primitives": ("bin_conv_3",)}, "did you mean 'bin_conv_3x3'"),
        ({"primitives": ("none", "skip_connect")}, "unknown primitive 'skip_connect'"),
        ({"primitives": ("sep_conv_3x3",)}, "unknown primitive 'sep_conv_3x3'"),
        ({"primitives": ([],)}, "unknown primitive"),
        ({"primitives": "none"}, "tuple"),
        ({"primitives": (3,)}, "`primitives`"),
        ({"nodes": 0}, "`nodes`"),
        ({"cells": True}, "`cells`"),
        ({"channels": 1.0}, "`channels`"),
        ({"channels": 3, "template": "imagenet"}, "even"),
        ({"num_classes": 0}, "`num_classes`"),
        ({"template": "mnist"}, "`template`"),
        ({"skip": "both"}, "`skip`"),
        ({"official_quirks": 1}, "`official_quirks`"),
    ],
)
def test_bad_fields(change, message):
    with pytest.raises(search.SearchSpaceError, match=message):
        search.SearchSpace(**change)


@pytest.mark.parametrize("text", ["", "[]", '{"node": 3}', None])
def test_bad_json(text):
    with pytest.raises(search.SearchSpaceError, match="search space"):
        search.SearchSpace.from_json(text)
