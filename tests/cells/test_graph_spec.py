from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
import torch
from hypothesis import given, settings

from bnas import cells
from bnas.cells import Graph, GraphError, GraphSpec, SpecError, nodes
from bnas.cells.builder import Builder, Window
from bnas.cells.graph_spec import NODE_TYPES
from bnas.cells.nn import Network
from bnas.cells.testing import graph_specs


def small() -> GraphSpec:
    build = Builder()
    conv = build.conv(nodes.Conv, "stem.conv", build.images(), 4, Window(3, 2, padding=1))
    build.role = "op"
    sign = build.sign("sign", build.batch_norm("bn", conv))
    conv = build.conv(nodes.BinaryConv, "conv", sign, 8, Window(3, padding=1))
    build.taps["last"] = conv.name
    graph = build.finish(build.classify("pool", "fc", conv, 5))
    return GraphSpec(graph=graph, template="cifar")


def changed(**changes: Any) -> str:
    return json.dumps(json.loads(small().to_json()) | changes)


def test_every_node_type_can_be_written() -> None:
    known = {kind for kind in vars(nodes).values() if isinstance(kind, type)}
    public = {kind.__name__ for kind in known if issubclass(kind, nodes.Node)}
    assert set(NODE_TYPES) == {name for name in public if name[0] != "_"} - {"Node"}


def test_what_the_graph_does_not_say() -> None:
    spec = small()
    assert (spec.input_size, spec.num_classes, spec.num_cells) == (32, 5, 0)
    assert isinstance(spec, cells.Spec)
    assert cells.changed(spec, input_size=64).input_size == 64
    assert cells.cost(spec).model == "custom"
    assert cells.cost(spec).binary_macs == 4 * 8 * 9 * 16 * 16
    assert len({spec, small(), cells.changed(spec, template="imagenet")}) == 2


@settings(max_examples=50)
@given(spec=graph_specs())
def test_json_round_trip(spec: GraphSpec) -> None:
    text = spec.to_json()
    assert GraphSpec.from_json(text) == spec == cells.spec_from_json(text)
    assert cells.spec_from_json(text).to_json() == text
    assert cells.FloatTwin.from_json(cells.FloatTwin(spec).to_json()).spec == spec


@settings(max_examples=50)
@given(spec=graph_specs())
def test_pruning_is_exact(spec: GraphSpec) -> None:
    whole, pruned = Network(spec, pruned=False).eval(), Network(spec).eval()
    state = whole.state_dict()
    pruned.load_state_dict({name: state[name] for name in pruned.state_dict()})
    images = torch.randn((2, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(pruned(images), whole(images))


def test_zeros_of_unknown_size_may_have_several_readers() -> None:
    # An unpadded convolution of zeros: its size is not that of the images over a whole number.
    build = Builder()
    images = build.images()
    zero = attrs.evolve(images, name=build.add(nodes.Zero, "zero", images.name, channels=3))
    conv = build.conv(nodes.Conv, "conv", zero, 2, Window(2, stride=2))
    total = build.add_up("sum", conv, conv)
    graph = build.finish(build.classify("pool", "fc", total, 2))
    pruned = cells.prune(graph)
    assert sum(node.name == "conv" for node in pruned) <= 1
    assert pruned.shapes(16)[pruned.output] == (2, 1, 1)


def test_the_output_is_a_logit_a_channel() -> None:
    graph = Graph(nodes=(nodes.Input(name="input"),), output="input")
    with pytest.raises(SpecError, match=r"`graph` must put out one pixel.*\(3, 32, 32\)"):
        GraphSpec(graph=graph, template="cifar")
    with pytest.raises(SpecError, match="`template` must be one of"):
        GraphSpec(graph=graph, template="mnist")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["forward", "train", "graph", "a..b"])
def test_names_that_torch_cannot_take_are_refused(name: str) -> None:
    pool = nodes.GlobalAvgPool(name=name, inputs=("input",))
    graph = Graph(nodes=(nodes.Input(name="input"), pool), output=name)
    with pytest.raises(GraphError, match="cannot name a layer of a torch module") as caught:
        Network(GraphSpec(graph=graph))
    assert caught.value.node == name


def node(**fields: Any) -> list[dict[str, Any]]:
    return [{"type": "Input", "name": "input"}, {"name": "x", "inputs": ["input"], **fields}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must be a JSON object"),
        (changed(kind="bnas"), 'must be of `kind` "graph"'),
        (changed(more=1), r"unknown \['more'\]"),
        ('{"kind": "graph"}', r"missing \['nodes', 'output'\]"),
        (changed(nodes={}), "`nodes` must be a list"),
        (changed(nodes=[3]), "a node must be a JSON object .got int"),
        (changed(nodes=node(type="Convolution")), "unknown `type`.*did you mean 'Conv'"),
        (changed(nodes=node(type=["Conv"])), "unknown `type` of a node"),
        (changed(nodes=node(type="Conv")), r"missing \['in_channels', 'out_channels'\]"),
        (changed(nodes=node(type="ReLU", slope=1)), r"unknown \['slope'\]"),
        (changed(nodes=node(type="ReLU", inputs="input")), "`inputs` of ReLU 'x' must be a list"),
        (changed(nodes=node(type="ReLU", role="edge")), "`role` of ReLU 'x' must be one of"),
        (changed(nodes=node(type="ReLU", name=3)), "`name` of ReLU 3 must be text"),
        (changed(nodes=node(type="MaxPool", stride=0)), "`stride` of MaxPool 'x' must be an int"),
        (changed(nodes=node(type="MaxPool", kernel=True)), "`kernel`.*an integer >= 1"),
        (changed(nodes=node(type="BatchNorm", channels=3, affine=1)), "`affine`.*true or false"),
        (changed(output=3), "must name a node"),
        (changed(taps=["conv"]), "must name a node"),
        (changed(output="nothing"), "names 'nothing', which is no node"),
        (changed(input_size=0), "`input_size` must be an integer"),
    ],
)
def test_wrong_json_is_named(text: str, message: str) -> None:
    with pytest.raises((SpecError, GraphError), match=message):
        GraphSpec.from_json(text)
