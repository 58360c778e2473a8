"""Channels that are 0 by construction, in graphs that no specification of cells lowers to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as functional
from attrs import frozen
from torch import Tensor

from bnas import cells
from bnas.cells import nodes
from bnas.cells.nn import Network
from bnas.search.fused import FusedNetwork
from bnas.search.fused.streams import Stream, add

WINDOW = {"kernel": 3, "stride": 1, "padding": 1}


def node(kind: Any, name: str, *inputs: str, **fields: Any) -> nodes.Node:
    made: nodes.Node = kind(name=name, inputs=inputs, cell="", role="op", **fields)
    return made


def conv(kind: Any, name: str, source: str, channels: int, **fields: Any) -> nodes.Node:
    return node(
        kind, name, source, in_channels=channels, out_channels=4, kernel=3, padding=1, **fields
    )


def all_dead() -> list[nodes.Node]:
    """Every kind of node that reads nothing but zeros; what is no zero after it is summed up."""
    return [
        node(nodes.ReLU, "relu", "zero"),
        node(nodes.MaxPool, "max", "relu", **WINDOW),
        node(nodes.AvgPool, "avg", "relu", **WINDOW),
        node(nodes.Identity, "same", "avg"),
        conv(nodes.Conv, "zero.conv", "zero", 4),
        node(nodes.Add, "zero.sum", "max", "same", "zero.conv"),
        node(nodes.Concat, "zero.both", "zero.sum", "zero.conv"),
        conv(nodes.Conv, "biased", "zero", 4, bias=True),
        node(nodes.BatchNorm, "norm", "zero.both", channels=8, affine=True),
        node(nodes.Sign, "norm.sign", "norm"),
        conv(nodes.BinaryConv, "binary", "norm.sign", 8),
        node(nodes.Sign, "bare", "zero.both"),
        conv(nodes.BinaryConv, "binary.relu.conv", "bare", 8),
        node(nodes.ReLU, "binary.relu", "binary.relu.conv"),
        node(nodes.BatchNorm, "shown", "zero.sum", channels=4, affine=True),
        node(nodes.RPReLU, "rprelu", "shown", channels=4),
        node(nodes.RPReLU, "zero.rprelu", "zero.sum", channels=4),
        node(
            nodes.Add,
            "sum",
            *("a", "biased", "binary", "binary.relu", "rprelu", "zero.rprelu", "zero.sum"),
        ),
    ]


def half_dead() -> list[nodes.Node]:
    """Halves that are dead in one summand and not in the other, and RPReLU over them."""
    return [
        node(nodes.Concat, "upper", "a", "zero"),
        node(nodes.Concat, "lower", "zero", "a"),
        node(nodes.Add, "crossed", "upper", "lower"),
        node(nodes.RPReLU, "rprelu", "upper", channels=8),
        conv(nodes.Conv, "zero.conv", "zero", 4),
        node(nodes.Concat, "lower.too", "zero.conv", "a"),
        node(nodes.Add, "partly", "lower", "lower.too"),
        node(nodes.BatchNorm, "norm", "partly", channels=8, affine=True),
        node(nodes.Add, "wide", "crossed", "rprelu", "norm"),
        conv(nodes.Conv, "sum", "wide", 8),
    ]


@frozen
class _Spec:
    middle: Callable[[], list[nodes.Node]]
    output: str = "sum"
    num_classes: int = 3
    template: str = "cifar"

    def lower(self) -> cells.Graph:
        return cells.Graph(
            nodes=(
                node(nodes.Input, "input", channels=3),
                conv(nodes.Conv, "a", "input", 3),
                node(nodes.Zero, "zero", "a", channels=4, stride=1),
                *self.middle(),
                node(nodes.GlobalAvgPool, "mean", self.output),
                node(nodes.Linear, "logits", "mean", in_features=4, out_features=3),
            ),
            output="logits",
        )


def network_of(spec: _Spec) -> Network:
    torch.manual_seed(0)
    network = Network(spec, pruned=False)  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.rpartition(".")[2] in ("bias", "shift_in", "shift_out"):
                parameter.uniform_(-0.5, 0.5)
    network.project_latents_()
    return network.train()


def images_of(count: int = 6) -> Tensor:
    source = torch.Generator().manual_seed(1)
    return torch.randn((count, 3, 8, 8), generator=source)


def largest(values: Tensor) -> float:
    return float(values.detach().abs().max())


@pytest.mark.parametrize("middle", [all_dead, half_dead])
def test_training_and_evaluation_are_the_module_s(middle: Callable[[], list[nodes.Node]]) -> None:
    network = network_of(_Spec(middle))
    twin = copy.deepcopy(network)
    fused, images = FusedNetwork(network), images_of()
    found, expected = fused(images), twin(images)
    assert largest(found - expected) < 0.03 * largest(expected)
    for logits in (found, expected):
        functional.cross_entropy(logits, torch.arange(6) % 3).backward()
    theirs = dict(twin.named_parameters())
    for name, parameter in network.named_parameters():
        wanted = theirs[name].grad
        assert wanted is not None
        if not wanted.any():  # Nothing depends on it: left out here, all zeros there.
            assert parameter.grad is None or not parameter.grad.any(), name
            continue
        assert parameter.grad is not None, name
        limit = 0.05 * float(wanted.abs().max())
        torch.testing.assert_close(parameter.grad, wanted, rtol=0.05, atol=limit, msg=name)
    for name, value in twin.named_buffers():
        torch.testing.assert_close(network.get_buffer(name), value, rtol=0.02, atol=0.02, msg=name)
    with torch.no_grad():
        found, expected = fused.eval()(images), twin.eval()(images)
    assert largest(found - expected) < 0.05 * largest(expected)


def test_a_network_of_zeros_has_the_logits_of_its_bias() -> None:
    network = network_of(_Spec(lambda: [], output="zero"))
    logits = FusedNetwork(network)(images_of(2))
    assert torch.equal(logits, network.get_parameter("logits.bias").expand(2, -1))


def test_summands_without_a_common_live_channel_add_up() -> None:
    first = torch.ones((2, 1, 3, 3), dtype=torch.bfloat16)
    dead = (torch.tensor([False, True, True]), torch.tensor([True, False, True]))
    total = add([Stream(first, dead[0]), Stream(2 * first, dead[1])], None)
    assert total.dead is None
    assert total.live.shape == (2, 3, 3, 3)
    assert total.live[0, :, 0, 0].tolist() == [1.0, 2.0, 0.0]
