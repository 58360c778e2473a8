from __future__ import annotations

import copy

import attrs
import pytest
import torch
from hypothesis import given, settings

from bnas.cells import NetworkSpec, genotypes, lower, nodes, prune, spec
from bnas.cells.nn import BinaryConv2d, Network, Sign, latent_scale
from bnas.cells.testing import network_specs

SMALL = NetworkSpec(genotype=genotypes["bnas-cifar10"], num_cells=3, channels=4)


def test_parameters_are_named_after_the_graph():
    network = Network(SMALL, pruned=False)
    names = set(network.state_dict())
    for node in lower(SMALL):
        own = {name.removeprefix(f"{node.name}.") for name in names if name.startswith(node.name)}
        match node:
            case nodes.BinaryConv():
                assert own == {"weight", "weight_scale"}
            case nodes.Conv():
                assert own == {"weight", "bias"} if node.bias else {"weight"}
            case nodes.BatchNorm():
                statistics = {"running_mean", "running_var", "num_batches_tracked"}
                assert own == statistics | ({"weight", "bias"} if node.affine else set())
    known = {node.name for node in lower(SMALL)}
    assert {name.rpartition(".")[0] for name in names} <= known


def test_names_of_the_published_networks():
    names = Network(spec("BNAS-Mini", channels=2)).state_dict()
    assert {
        "stem.bn.weight",
        "stem.conv.weight",
        "cells.0.preprocess0.bn.running_mean",
        "cells.0.ops.1.conv.weight",
        "cells.0.ops.1.conv.weight_scale",
        "cells.3.skip.conv.bias",
        "classifier.weight",
    } <= set(names)
    # Every reduction cell's preprocess1 is dead; the other half of its nodes too.
    assert not [name for name in names if name.startswith(("cells.3.preprocess1", "cells.3.ops"))]


def test_every_node_is_a_module_of_its_name():
    network = Network(SMALL)
    modules = dict(network.named_modules())
    assert {node.name for node in network.graph.nodes[1:]} <= set(modules)
    seen: list[torch.Tensor] = []
    modules["cells.1.output"].register_forward_hook(lambda _, __, value: seen.append(value))
    values = network.eval().trace(torch.randn(1, 3, 32, 32))
    assert len(seen) == 1
    assert torch.equal(seen[0], values["cell_01"])


def test_graph_is_pruned_unless_told_otherwise():
    assert Network(SMALL).graph == prune(lower(SMALL))
    assert Network(SMALL, pruned=False).graph == lower(SMALL)
    assert Network(SMALL).spec == SMALL


@settings(max_examples=10)
@given(network=network_specs(max_cells=4, max_channels=6))
def test_values_have_the_shapes_of_the_graph(network):
    module = Network(network).eval()
    with torch.no_grad():
        images = torch.randn(2, 3, 32, 64)
        values = module.trace(images)
        assert torch.equal(values["logits"], module(images))
    shapes = module.graph.shapes((32, 64))
    assert tuple(values.pop("logits").shape) == (2, network.num_classes)
    assert list(values) == list(module.graph.taps)
    for label, value in values.items():
        assert tuple(value.shape) == (2, *shapes[module.graph.taps[label]])


def test_projection_reaches_every_binary_convolution_and_no_other():
    network = Network(attrs.evolve(SMALL, real_weight_tail=2))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 5 + 1)
    before = copy.deepcopy(network.state_dict())
    network.project_latents_()
    binary = {
        f"{name}.weight": part
        for name, part in network.named_modules()
        if isinstance(part, BinaryConv2d)
    }
    assert {name.removesuffix(".weight") for name in binary} == {
        node.name for node in network.graph if isinstance(node, nodes.BinaryConv)
    }
    for name, tensor in network.state_dict().items():
        if name in binary:
            weight = before[name]
            projected = (weight - weight.mean(dim=1, keepdim=True)).clamp(-1, 1)
            torch.testing.assert_close(tensor, projected)
            assert torch.equal(binary[name].weight_scale, latent_scale(tensor))
        elif not name.endswith("weight_scale"):
            assert torch.equal(tensor, before[name])


def test_leaving_training_refreshes_every_scale():
    network = Network(SMALL)
    parts = [part for part in network.modules() if isinstance(part, BinaryConv2d)]
    for part in parts:
        part.weight.data.mul_(2)
    network.eval()
    assert parts
    assert all(torch.equal(part.weight_scale, latent_scale(part.weight.data)) for part in parts)


def test_official_options_reach_every_layer():
    network = Network(SMALL, official_sign=True, official_gradient=True)
    convs = [part for part in network.modules() if isinstance(part, BinaryConv2d)]
    assert convs
    assert all(part.official_sign and part.official_gradient for part in convs)


def test_the_official_sign_of_zero_contributes_nothing():
    # All that comes before a sign is 0: with sign(0) = 0 the logits are the bias alone.
    cells_only = attrs.evolve(SMALL, skip="none")
    network, own = Network(cells_only, official_sign=True), Network(cells_only)
    state = network.state_dict()
    for name in state:
        if name.startswith("cells") and name.endswith(("bn.weight", "bn.bias")):
            state[name].zero_()
    network.load_state_dict(state)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(images), state["classifier.bias"].expand(2, -1))
        own.load_state_dict(state)
        assert not torch.equal(own(images), state["classifier.bias"].expand(2, -1))


def test_signs_are_modules_of_the_network():
    # Others look for them: a packed network has no sign(0) = 0.
    official = [p for p in Network(SMALL, official_sign=True).modules() if isinstance(p, Sign)]
    own = [part for part in Network(SMALL).modules() if isinstance(part, Sign)]
    signs = [node for node in Network(SMALL).graph if isinstance(node, nodes.Sign)]
    assert len(official) == len(own) == len(signs) > 0
    assert all(part.official_sign for part in official)
    assert not any(part.official_sign for part in own)


def test_a_copy_shares_nothing():
    network = Network(SMALL).eval()
    twin = copy.deepcopy(network)
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        before = twin(images)
        for parameter in network.parameters():
            parameter.zero_()
        assert torch.equal(twin(images), before)
        assert not network(images).any()


@pytest.mark.parametrize("pruned", [True, False])
def test_a_state_can_be_saved_and_loaded(pruned, tmp_path):
    network = Network(SMALL, pruned=pruned).eval()
    torch.save(network.state_dict(), tmp_path / "state.pt")
    twin = Network(SMALL, pruned=pruned).eval()
    twin.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(images), twin(images))


def test_every_parameter_of_a_pruned_network_learns():
    network = Network(attrs.evolve(SMALL, genotype=genotypes["bnas-imagenet"]))
    network.project_latents_()
    network(torch.randn(4, 3, 32, 32)).square().sum().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None]
    assert idle == []
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


@pytest.mark.parametrize("name", ["bnas-cifar10", "bnas-imagenet"])
def test_under_autocast_nothing_but_the_images_stays_float32(name):
    network = Network(attrs.evolve(SMALL, genotype=genotypes[name])).train()
    images = torch.randn(2, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        values = network.evaluate(images, [node.name for node, *_ in network.steps])
    # Batch norm of the images themselves, which come in float32.
    assert {key for key, value in values.items() if value.dtype != torch.bfloat16} == {"stem.bn"}
    values = network.evaluate(images, [node.name for node, *_ in network.steps])
    assert {value.dtype for value in values.values()} == {torch.float32}
