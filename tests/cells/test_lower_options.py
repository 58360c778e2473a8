from __future__ import annotations

import attrs
import pytest

from bnas.cells import NetworkSpec, genotypes, lower, nodes

CELLS = genotypes["bnas-imagenet"]


def tiny(**fields: object) -> NetworkSpec:
    defaults: dict[str, object] = {"genotype": CELLS, "num_cells": 6, "channels": 4}
    return NetworkSpec(**{**defaults, **fields})


def test_no_skips():
    graph = lower(tiny(skip="none"))
    assert [node.name for node in graph if node.role == "skip"] == []
    assert graph.taps["cell_03"] == "cells.3.concat"


def test_skips_from_the_previous_cell():
    graph = lower(tiny())
    assert graph["cells.1.output"].inputs == ("cells.1.concat", "cells.0.concat")
    assert graph["cells.2.output"].inputs == ("cells.2.concat", "cells.2.skip.conv")
    assert graph["cells.2.skip.bn"].inputs == ("cells.1.output",)
    assert graph["cells.3.output"].inputs == ("cells.3.concat", "cells.2.output")


def test_skips_from_both_inputs_where_the_shape_agrees():
    graph = lower(tiny(skip="both", num_cells=9))
    inputs = {index: graph[f"cells.{index}.output"].inputs[1:] for index in range(1, 9)}
    assert inputs == {
        1: ("cells.0.concat",),  # c(k-2) is the stem, of 3 C channels
        2: ("cells.1.output", "cells.0.concat"),
        3: ("cells.3.skip.conv",),
        4: ("cells.3.output",),  # c(k-2) is twice as large
        5: ("cells.4.output", "cells.3.output"),
        6: ("cells.6.skip.conv",),
        7: ("cells.6.output",),
        8: ("cells.7.output", "cells.6.output"),
    }


def test_the_stem_is_a_skip_too_where_its_shape_agrees():
    of_three_nodes = attrs.evolve(CELLS, concat=(2, 3, 4))
    graph = lower(tiny(skip="both", genotype=of_three_nodes))
    assert graph["cells.1.output"].inputs == ("cells.1.concat", "cells.0.concat", "stem.relu")


@pytest.mark.parametrize("template", ["cifar", "imagenet"])
@pytest.mark.parametrize("skip", ["none", "previous", "both"])
@pytest.mark.parametrize("num_cells", [1, 2, 6])
def test_cell_0_never_has_a_skip(template, skip, num_cells):
    graph = lower(tiny(template=template, skip=skip, num_cells=num_cells))
    assert graph.taps["cell_00"] == "cells.0.concat"
    assert [node for node in graph if node.role == "skip" and node.cell == "cell_00"] == []


@pytest.mark.parametrize(
    ("reduction_skip", "kinds"),
    [
        ("real", ["BatchNorm", "Conv"]),
        ("binary", ["BatchNorm", "Sign", "BinaryConv"]),
        ("pool", ["AvgPool", "Concat"]),
    ],
)
def test_reduction_skips(reduction_skip, kinds):
    graph = lower(tiny(reduction_skip=reduction_skip))
    skip = [node for node in graph if node.cell == "cell_02" and node.role == "skip"]
    assert [type(node).__name__ for node in skip] == kinds
    assert skip[0].inputs == ("cells.1.output",)
    halving = next(node for node in skip if hasattr(node, "kernel"))
    assert (halving.kernel, halving.stride, halving.padding, halving.dilation) == (2, 2, 0, 1)
    last = skip[-1].name
    assert graph["cells.2.output"].inputs == ("cells.2.concat", last)
    shapes = graph.shapes(32)
    assert shapes[last] == shapes["cells.2.concat"] == (32, 16, 16)


def test_only_the_real_skip_convolution_has_a_bias():
    biased = [node.name for node in lower(tiny()) if getattr(node, "bias", False)]
    assert biased == ["cells.2.skip.conv", "cells.4.skip.conv"]


def test_the_pool_skip_repeats_channels():
    graph = lower(tiny(reduction_skip="pool"))
    assert graph["cells.2.skip.repeat"].inputs == ("cells.2.skip.pool",) * 2


@pytest.mark.parametrize("tail", [0, 1, 2, 5, 1000])
def test_the_last_cell_convolutions_keep_real_weights(tail):
    own, real = lower(tiny()), lower(tiny(real_weight_tail=tail))
    binary = [node for node in own if isinstance(node, nodes.BinaryConv)]
    kept = {node.name for node in binary[max(len(binary) - tail, 0) :]}
    for mine, theirs in zip(own, real, strict=True):
        changed = type(theirs) is nodes.Conv and type(mine) is nodes.BinaryConv
        assert changed == (mine.name in kept)
        assert attrs.asdict(mine, recurse=False) == attrs.asdict(theirs, recurse=False)


def test_binary_skip_convolutions_are_no_part_of_the_tail():
    graph = lower(tiny(reduction_skip="binary", real_weight_tail=1000))
    left = [node.name for node in graph if isinstance(node, nodes.BinaryConv)]
    assert left == ["cells.2.skip.conv", "cells.4.skip.conv"]
