from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings

from bnas.cells import Genotype, Graph, GraphError, NetworkSpec, genotypes, lower, nodes, spec
from bnas.cells.testing import network_specs

ALL_SEVEN = Genotype(
    normal=(
        ("none", 0),
        ("max_pool_3x3", 1),
        ("avg_pool_3x3", 2),
        ("bin_conv_3x3", 0),
        ("bin_conv_5x5", 1),
        ("bin_dil_conv_3x3", 2),
        ("bin_dil_conv_5x5", 3),
        ("none", 4),
    ),
    reduce=(
        ("none", 0),
        ("max_pool_3x3", 1),
        ("avg_pool_3x3", 0),
        ("bin_conv_3x3", 0),
        ("bin_conv_5x5", 1),
        ("bin_dil_conv_3x3", 2),
        ("bin_dil_conv_5x5", 1),
        ("none", 4),
    ),
)


def tiny(**fields: object) -> NetworkSpec:
    defaults: dict[str, object] = {"genotype": ALL_SEVEN, "num_cells": 6, "channels": 4}
    return NetworkSpec(**{**defaults, **fields})


def before(graph: Graph, name: str, steps: int) -> list[str]:
    """Return the types of the nodes on the way back from `name` along the first inputs."""
    way = [name]
    while len(way) < steps:
        way.append(graph[way[-1]].inputs[0])
    return [type(graph[each]).__name__ for each in reversed(way)]


def window(node: nodes.Node) -> tuple[int, int, int, int]:
    return (node.kernel, node.stride, node.padding, node.dilation)


def test_shapes_of_the_cifar_template():
    graph = lower(spec("BNAS-A"))
    shapes = graph.shapes(32)
    stages = {label: shapes[name] for label, name in graph.taps.items()}
    assert stages["stem"] == (108, 32, 32)
    for index in range(20):
        size, channels = (32, 36) if index < 6 else (16, 72) if index < 13 else (8, 144)
        assert stages[f"cell_{index:02d}"] == (4 * channels, size, size)
    assert shapes["pool"] == (576, 1, 1)
    assert shapes[graph.output] == (10, 1, 1)
    assert list(stages) == ["stem", *(f"cell_{index:02d}" for index in range(20))]


def test_shapes_of_the_imagenet_template():
    graph = lower(spec("BNAS-D"))
    shapes = graph.shapes(224)
    stages = {label: shapes[name] for label, name in graph.taps.items()}
    assert shapes["stem0.0.conv"] == (32, 112, 112)
    assert (stages["stem0"], stages["stem1"]) == ((64, 56, 56), (64, 28, 28))
    for index in range(12):
        size, channels = (28, 64) if index < 4 else (14, 128) if index < 8 else (7, 256)
        assert stages[f"cell_{index:02d}"] == (4 * channels, size, size)
    assert shapes[graph.output] == (1000, 1, 1)


def test_the_cifar_stem():
    graph = lower(tiny())
    assert before(graph, "stem.relu", 4) == ["Input", "BatchNorm", "Conv", "ReLU"]
    assert window(graph["stem.conv"]) == (3, 1, 1, 1)
    assert not graph["stem.conv"].bias
    assert graph["cells.0.preprocess0.bn"].inputs == ("stem.relu",)
    assert graph["cells.0.preprocess1.bn"].inputs == ("stem.relu",)


def test_the_imagenet_stem():
    graph = lower(tiny(template="imagenet"))
    assert before(graph, "stem1.bn", 9) == [
        *("Input", "Conv", "BatchNorm", "ReLU", "Conv", "BatchNorm"),
        *("ReLU", "Conv", "BatchNorm"),
    ]
    for name in ("stem0.0.conv", "stem0.1.conv", "stem1.conv"):
        assert window(graph[name]) == (3, 2, 1, 1)
    assert graph["cells.0.preprocess0.bn"].inputs == ("stem0.1.bn",)
    assert graph["cells.0.preprocess1.bn"].inputs == ("stem1.bn",)


@pytest.mark.parametrize(
    ("edge", "window_", "kind"),
    [
        (3, (3, 1, 1, 1), nodes.BinaryConv),
        (4, (5, 1, 2, 1), nodes.BinaryConv),
        (5, (3, 1, 2, 2), nodes.BinaryConv),
        (6, (5, 1, 4, 2), nodes.BinaryConv),
        (1, (3, 1, 1, 1), nodes.MaxPool),
        (2, (3, 1, 1, 1), nodes.AvgPool),
    ],
)
def test_windows_of_the_primitives(edge, window_, kind):
    graph = lower(tiny())
    name = f"cells.1.ops.{edge}" + (".conv" if kind is nodes.BinaryConv else "")
    assert type(graph[name]) is kind
    assert window(graph[name]) == window_


def test_a_binary_block_is_batch_norm_sign_convolution_relu():
    graph = lower(tiny())
    for name in ("cells.1.preprocess0", "cells.1.preprocess1", "cells.1.ops.3"):
        assert before(graph, f"{name}.relu", 4) == ["BatchNorm", "Sign", "BinaryConv", "ReLU"]
        assert graph[f"{name}.bn"].affine


def test_a_node_adds_its_two_edges_and_the_cell_concatenates_nodes():
    graph = lower(tiny(skip="none"))
    assert graph["cells.1.node.0"].inputs == ("cells.1.ops.0", "cells.1.ops.1")
    assert graph["cells.1.node.1"].inputs == ("cells.1.ops.2", "cells.1.ops.3.relu")
    assert graph["cells.1.ops.7"] == nodes.Zero(
        name="cells.1.ops.7", inputs=("cells.1.node.2",), cell="cell_01", channels=4
    )
    assert graph["cells.1.concat"].inputs == tuple(f"cells.1.node.{node}" for node in range(4))
    backwards = attrs.evolve(ALL_SEVEN, concat=(5, 3))
    assert lower(tiny(genotype=backwards))["cells.1.concat"].inputs == (
        "cells.1.node.3",
        "cells.1.node.1",
    )


def test_only_edges_from_the_inputs_of_a_reduction_cell_have_stride_2():
    graph = lower(tiny())
    strides = {
        edge: graph[name if name in graph.channels else f"{name}.conv"].stride
        for edge in range(8)
        for name in [f"cells.2.ops.{edge}"]
    }
    assert strides == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2, 5: 1, 6: 2, 7: 1}
    normal = [node for node in graph if node.cell == "cell_01" and node.role == "op"]
    assert {getattr(node, "stride", 1) for node in normal} == {1}


def test_reductions_double_the_channels_after_a_third_and_two_thirds():
    graph = lower(tiny())
    shapes = graph.shapes(32)
    widths = [shapes[f"cells.{index}.node.0"] for index in range(6)]
    assert widths == [(4, 32, 32)] * 2 + [(8, 16, 16)] * 2 + [(16, 8, 8)] * 2


@pytest.mark.parametrize(
    ("template", "affine"), [("cifar", False), ("imagenet", True)], ids=["cifar", "imagenet"]
)
def test_preprocess0_after_a_reduction(template, affine):
    graph = lower(tiny(template=template))
    after_reduction = {3, 5} | ({0} if template == "imagenet" else set())
    for index in range(6):
        halves = index in after_reduction
        block = f"cells.{index}.preprocess0"
        assert window(graph[f"{block}.conv"]) == ((3, 2, 1, 1) if halves else (1, 1, 0, 1))
        assert graph[f"{block}.bn"].affine == (affine or not halves)
        assert window(graph[f"cells.{index}.preprocess1.conv"]) == (1, 1, 0, 1)
    norms = [node for node in graph if isinstance(node, nodes.BatchNorm)]
    assert sum(not norm.affine for norm in norms) == (0 if affine else 2)


@pytest.mark.parametrize(
    ("name", "genotype", "tail"),
    [("cifar_tiny_latest", "bnas-imagenet", 2), ("imagenet_tiny_latest", "bnas-imagenet", 2)],
)
def test_every_convolution_is_that_of_the_authors_code(golden_json, own_name, name, genotype, tail):
    facts = golden_json(name)
    network = NetworkSpec(
        genotype=genotypes[genotype],
        template=facts["template"],
        num_cells=facts["layers"],
        channels=facts["C"],
        num_classes=facts["num_classes"],
        real_weight_tail=tail,
    )
    own = {
        f"{node.name}.weight": {
            "shape": [node.out_channels, node.in_channels, node.kernel, node.kernel],
            "stride": node.stride,
            "padding": node.padding,
            "dilation": node.dilation,
            "bias": node.bias,
            "weight_binarised": isinstance(node, nodes.BinaryConv),
        }
        for node in lower(network)
        if isinstance(node, nodes.Conv)
    }
    official = {own_name(conv["name"]): conv for conv in facts["convs"]}
    assert len(own) == facts["n_conv"]
    assert {name: {key: conv[key] for key in own[name]} for name, conv in official.items()} == own
    binary = [name for name, fields in own.items() if fields["weight_binarised"]]
    assert len(binary) == facts["n_weight_binarised"]


@pytest.mark.parametrize(
    ("name", "size", "node"),
    [
        ("BNAS-A", 30, "cells.13.output"),
        ("BNAS-A", 31, "cells.6.output"),
        ("BNAS-A", (32, 34), "cells.13.output"),
        ("BNAS-A", 1, "cells.6.skip.conv"),
        ("BNAS-D", 8 * 27, "cells.4.output"),
        ("BNAS-D", 8 * 26, "cells.8.output"),
    ],
)
def test_sizes_that_cannot_be_halved_name_the_node(name, size, node):
    with pytest.raises(GraphError, match=f"`{node}`") as caught:
        lower(spec(name)).shapes(size)
    assert caught.value.node == node


def test_images_need_not_be_square_or_of_the_published_size():
    shapes = lower(spec("BNAS-A")).shapes((64, 36))
    assert shapes["cells.19.output"] == (576, 16, 9)


@settings(max_examples=20)
@given(network=network_specs())
def test_every_spec_lowers_to_a_graph_of_its_cells(network):
    graph = lower(network)
    assert graph == network.lower()
    stems = ["stem"] if network.template == "cifar" else ["stem0", "stem1"]
    assert list(graph.taps) == stems + [f"cell_{i:02d}" for i in range(network.num_cells)]
    signs = [node for node in graph if isinstance(node, nodes.Sign)]
    assert all(isinstance(graph[sign.inputs[0]], nodes.BatchNorm) for sign in signs)
    binary = [node for node in graph if isinstance(node, nodes.BinaryConv)]
    assert all(isinstance(graph[conv.inputs[0]], nodes.Sign) for conv in binary)
    last = graph.shapes(32)[graph.taps[f"cell_{network.num_cells - 1:02d}"]]
    assert last[0] == network.channels * 2 ** len(network.reductions) * len(network.genotype.concat)
