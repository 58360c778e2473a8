from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnas.cells import Graph, GraphError, UnknownNameError, lower, nodes, spec
from bnas.cells.testing import network_specs

IMAGES = nodes.Input(name="input", channels=3)


def relu(name: str, source: str) -> nodes.ReLU:
    return nodes.ReLU(name=name, inputs=(source,))


def of_one_node(node: nodes.Node) -> Graph:
    return Graph(nodes=(IMAGES, node), output=node.name)


def conv(**fields: int) -> nodes.Conv:
    channels = {"in_channels": 3, "out_channels": 5}
    return nodes.Conv(name="conv", inputs=("input",), **{**channels, **fields})


def test_nodes_by_name_and_in_order():
    graph = Graph(nodes=[IMAGES, relu("a", "input"), relu("b", "a")], output="b", taps={"t": "a"})
    assert [node.name for node in graph] == ["input", "a", "b"]
    assert (len(graph), graph["a"].name, graph.input) == (3, "a", IMAGES)


def test_an_unknown_node_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown node 'cells.3.op.1.conv'.*ops.1.conv"):
        lower(spec("BNAS-Mini"))["cells.3.op.1.conv"]


@pytest.mark.parametrize(
    ("listed", "output", "taps", "message", "node"),
    [
        ((), "input", {}, "the first node of a graph must be its Input", None),
        ((relu("a", "input"),), "a", {}, "`a` reads .'input'., not defined before it", "a"),
        ((IMAGES, relu("a", "b"), relu("b", "input")), "a", {}, "`a` reads .'b'.", "a"),
        ((IMAGES, relu("a", "a")), "a", {}, "`a` reads .'a'.", "a"),
        ((IMAGES, relu("input", "input")), "input", {}, "unique .got 'input' twice.", "input"),
        ((IMAGES, nodes.Input(name="again")), "input", {}, "exactly one Input", None),
        ((IMAGES,), "logits", {}, "`output` names 'logits', which is no node", "logits"),
        ((IMAGES,), "input", {"stem": "x"}, "`stem` names 'x', which is no node", "x"),
    ],
)
def test_a_graph_that_cannot_be_computed_is_refused(listed, output, taps, message, node):
    with pytest.raises(GraphError, match=message) as caught:
        Graph(nodes=listed, output=output, taps=taps)
    assert getattr(caught.value, "node", None) == node


def test_consumers_name_each_reader_once():
    twice = nodes.Concat(name="twice", inputs=("input", "input"))
    graph = Graph(nodes=(IMAGES, twice, relu("a", "input")), output="a")
    assert graph.consumers() == {"input": (twice, graph["a"]), "twice": (), "a": ()}


def test_live_drops_what_the_output_does_not_need():
    listed = (IMAGES, relu("a", "input"), relu("dead", "a"), relu("b", "a"))
    graph = Graph(nodes=listed, output="b", taps={"kept": "a", "gone": "dead"})
    live = graph.live()
    assert [node.name for node in live] == ["input", "a", "b"]
    assert live.taps == {"kept": "a"}
    assert live.live() == live


@settings(max_examples=40)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 4),
    dilation=st.integers(1, 2),
)
def test_window_sizes_count_the_places_of_the_window(size, kernel, stride, padding, dilation):
    graph = of_one_node(conv(kernel=kernel, stride=stride, padding=padding, dilation=dilation))
    reach = dilation * (kernel - 1)
    places = [
        len([at for at in range(-padding, side + padding - reach) if (at + padding) % stride == 0])
        for side in size
    ]
    if 0 in places:
        with pytest.raises(GraphError, match="`conv` .* needs a larger input") as caught:
            graph.shapes(size)
        assert caught.value.node == "conv"
    else:
        assert graph.shapes(size)["conv"] == (5, *places)


@settings(max_examples=40)
@given(
    side=st.integers(1, 60),
    kernel=st.sampled_from([1, 2, 3, 5]),
    stride=st.integers(1, 3),
    padding=st.integers(0, 4),
    dilation=st.integers(1, 2),
)
def test_the_size_divisor_tells_the_size(side, kernel, stride, padding, dilation):
    node = conv(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    divisor = node.size_divisor()
    assert (divisor is None) == (2 * padding != dilation * (kernel - 1))
    if divisor is not None:
        assert of_one_node(node).shapes(side)["conv"][1:] == (math.ceil(side / divisor),) * 2


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 2, 7, 8])
def test_zeroise_has_the_size_of_the_pool_it_stands_beside(side, stride):
    pool = nodes.MaxPool(name="pool", inputs=("input",), kernel=3, stride=stride, padding=1)
    zero = nodes.Zero(name="zero", inputs=("input",), channels=3, stride=stride)
    shapes = Graph(nodes=(IMAGES, pool, zero), output="zero").shapes(side)
    assert shapes["zero"] == shapes["pool"]
    assert zero.size_divisor() == stride


def test_shapes_of_the_other_nodes():
    listed = (
        IMAGES,
        nodes.Concat(name="six", inputs=("input", "input")),
        nodes.RPReLU(name="rprelu", inputs=("six",), channels=6),
        nodes.Identity(name="same", inputs=("rprelu",)),
        nodes.Add(name="sum", inputs=("six", "same")),
        nodes.Sign(name="sign", inputs=("sum",)),
        nodes.GlobalAvgPool(name="pool", inputs=("sign",)),
        nodes.Linear(name="logits", inputs=("pool",), in_features=6, out_features=9),
    )
    graph = Graph(nodes=listed, output="logits")
    shapes = graph.shapes((4, 7))
    images = (6, 4, 7)
    assert shapes == {
        "input": (3, 4, 7),
        **dict.fromkeys(("six", "rprelu", "same", "sum", "sign"), images),
        "pool": (6, 1, 1),
        "logits": (9, 1, 1),
    }
    assert graph.channels == {name: shape[0] for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (conv(in_channels=4), "`conv` takes 4 channels .got 3."),
        (nodes.BatchNorm(name="bn", inputs=("input",), channels=4), "`bn` takes 4 channels"),
        (nodes.RPReLU(name="act", inputs=("input",), channels=4), "`act` takes 4 channels"),
        (
            nodes.Linear(name="fc", inputs=("input",), in_features=3, out_features=2),
            "`fc` takes 3 features .got 3x8x8.",
        ),
    ],
)
def test_channels_that_do_not_fit_name_the_node(node, message):
    with pytest.raises(GraphError, match=message) as caught:
        of_one_node(node).shapes(8)
    assert caught.value.node == node.name


@pytest.mark.parametrize(("in_channels", "out_channels"), [(4, 6), (6, 4)])
def test_groups_divide_the_channels(in_channels, out_channels):
    with pytest.raises(GraphError, match="`groups` of `conv` must divide.*groups=3") as caught:
        conv(in_channels=in_channels, out_channels=out_channels, groups=3)
    assert caught.value.node == "conv"
    assert conv(in_channels=6, out_channels=9, groups=3).weight_count == 9 * 2


def test_sums_and_concatenations_of_different_sizes_name_the_node():
    half = nodes.MaxPool(name="half", inputs=("input",), kernel=2, stride=2)
    for kind, message in ((nodes.Add, "adds values of different"), (nodes.Concat, "of one size")):
        join = kind(name="join", inputs=("input", "half"))
        with pytest.raises(GraphError, match=f"`join` .*{message}") as caught:
            Graph(nodes=(IMAGES, half, join), output="join").shapes(8)
        assert caught.value.node == "join"


@pytest.mark.parametrize(
    "size", [0, -1, True, None, "32", 32.0, (32,), (32, 0), (32, 32, 3), (32, 32.0), ("a", "b")]
)
def test_an_input_size_is_one_or_two_integers(size):
    with pytest.raises(GraphError, match="`input_size` must be one or two integers >= 1"):
        lower(spec("BNAS-Mini")).shapes(size)


@settings(max_examples=20)
@given(network=network_specs())
def test_channels_agree_with_shapes(network):
    graph = network.lower()
    shapes = graph.shapes((64, 32))
    assert graph.channels == {name: shape[0] for name, shape in shapes.items()}
    assert shapes[graph.output] == (network.num_classes, 1, 1)
