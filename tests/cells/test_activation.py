"""What ends a binary block: ReLU, or RPReLU."""

from __future__ import annotations

import json
from collections import Counter
from typing import get_args

import attrs
import pytest
import torch

from bnas.cells import NetworkSpec, SpecError, cost, genotypes, nodes, prune
from bnas.cells.draw import layout_spec
from bnas.cells.nn import Network, RPReLU
from bnas.cells.spec import Activation

RELU = NetworkSpec(genotype=genotypes["bnas-imagenet"], num_cells=3, channels=4, num_classes=3)
RPRELU = attrs.evolve(RELU, activation="rprelu")


def test_json_says_only_what_is_not_a_relu() -> None:
    assert "activation" not in json.loads(RELU.to_json())
    data = json.loads(RPRELU.to_json())
    assert data == {**json.loads(RELU.to_json()), "activation": "rprelu"}
    assert NetworkSpec.from_json(RPRELU.to_json()) == RPRELU
    # A specification from before there was a choice.
    assert NetworkSpec.from_json(RELU.to_json()) == RELU
    assert NetworkSpec.from_json(json.dumps({**data, "activation": "relu"})) == RELU


@pytest.mark.parametrize("value", ["prelu", "", None, 1, []])
def test_choices_are_listed(value: object) -> None:
    with pytest.raises(SpecError, match="`activation` must be one of .*'rprelu'") as caught:
        attrs.evolve(RELU, activation=value)
    assert (caught.value.field, caught.value.value) == ("activation", value)


@pytest.mark.parametrize("template", ["cifar", "imagenet"])
@pytest.mark.parametrize("tail", [0, 2])
def test_every_block_of_the_cells_ends_in_one(template: str, tail: int) -> None:
    spec = attrs.evolve(RPRELU, template=template, real_weight_tail=tail)
    graph = spec.lower()
    before = attrs.evolve(spec, activation="relu").lower()
    assert len(graph.nodes) == len(before.nodes)
    for mine, theirs in zip(graph, before, strict=True):
        if theirs.name.endswith(".relu") and theirs.role in ("preprocess", "op"):
            assert isinstance(mine, nodes.RPReLU)
            assert mine.inputs == theirs.inputs == (mine.name.replace(".rprelu", ".conv"),)
            assert mine.channels == graph.channels[mine.inputs[0]]
        else:
            assert type(mine) is type(theirs)
            assert mine.name == theirs.name
    assert {node.cell[:4] for node in graph if isinstance(node, nodes.ReLU)} == {
        "stem" if template == "cifar" else node.cell[:4] for node in graph if "stem" in node.cell
    }


def test_it_costs_three_numbers_a_channel() -> None:
    added = sum(3 * node.channels for node in RPRELU.lower() if isinstance(node, nodes.RPReLU))
    live = sum(
        3 * node.channels for node in prune(RPRELU.lower()) if isinstance(node, nodes.RPReLU)
    )
    for rule, more_bytes in (("paper", -(-added // 8)), ("deployed", 4 * live)):
        plain, learned = cost(RELU, rule=rule), cost(RPRELU, rule=rule)
        assert learned.params - plain.params == added > 0
        assert learned.memory_bytes - plain.memory_bytes == pytest.approx(more_bytes, abs=1)
        assert (learned.binary_macs, learned.real_macs) == (plain.binary_macs, plain.real_macs)


def test_the_module_learns_slopes_from_a_quarter() -> None:
    torch.manual_seed(0)
    network = Network(RPRELU).train()
    layers = [module for module in network.modules() if isinstance(module, RPReLU)]
    assert len(layers) == sum(isinstance(node, nodes.RPReLU) for node in network.graph)
    network(torch.randn(2, 3, 16, 16)).square().sum().backward()
    for layer in layers:
        assert torch.equal(layer.slope, torch.full_like(layer.slope, 0.25))
        assert not layer.shift_in.any() and not layer.shift_out.any()
    # What the last cell adds to the concatenation reaches the logits.
    assert all(parameter.grad.any() for parameter in layers[-1].parameters())


def test_drop_path_drops_the_same_edges() -> None:
    dropped = {
        kind: Counter(
            name.rsplit(".", 1)[0]
            for name in Network(attrs.evolve(RELU, activation=kind)).drop_path_edges
        )
        for kind in get_args(Activation)
    }
    assert dropped["rprelu"] == dropped["relu"]


def test_a_drawing_shows_the_same_cells() -> None:
    plain, learned = (layout_spec(spec, title="network") for spec in (RELU, RPRELU))
    assert len(plain.boxes) > 10
    assert (learned.boxes, learned.lines) == (plain.boxes, plain.lines)
