from __future__ import annotations

import copy
from typing import Any

import attrs
import pytest
import torch

from bnas import cells
from bnas.cells.nn import BinaryConv2d, Network
from bnas.search import Recipe
from bnas.search.optimizer import load_moments, make_optimizer, set_schedule

RECIPE = Recipe(epochs=1, learning_rate=0.1, weight_decay=0.02, latent_weight_decay=0.03)
KINDS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


@pytest.mark.parametrize("name", KINDS)
def test_latent_weights_decay_by_themselves(tiny_spec: cells.NetworkSpec, name: Any) -> None:
    network = Network(tiny_spec)
    optimizer = make_optimizer(network, attrs.evolve(RECIPE, optimizer=name, momentum=0.7))
    assert type(optimizer) is KINDS[name]
    real, latent = optimizer.param_groups
    weights = {id(m.weight) for m in network.modules() if isinstance(m, BinaryConv2d)}
    assert {id(parameter) for parameter in latent["params"]} == weights
    assert len(real["params"]) + len(weights) == len(list(network.parameters()))
    assert (real["weight_decay"], latent["weight_decay"]) == (0.02, 0.03)
    if name == "sgd":
        assert real["momentum"] == latent["momentum"] == 0.7


@pytest.mark.parametrize("binarize", ["activations", "none"])
@pytest.mark.parametrize("name", KINDS)
def test_weights_that_are_not_binarised_are_real_ones(
    tiny_spec: cells.NetworkSpec, binarize: Any, name: Any
) -> None:
    network = Network(tiny_spec, binarize=binarize)
    optimizer = make_optimizer(network, attrs.evolve(RECIPE, optimizer=name))
    real, latent = optimizer.param_groups
    assert len(real["params"]) == len(list(network.parameters()))
    assert latent["params"] == []
    before = network.classifier.weight.detach().clone()
    network(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    assert not torch.equal(network.classifier.weight, before)


def test_adamw_decays_apart_from_the_gradient(tiny_spec: cells.NetworkSpec) -> None:
    network = Network(tiny_spec)
    optimizer = make_optimizer(network, attrs.evolve(RECIPE, optimizer="adamw"))
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    latent = {id(parameter) for parameter in optimizer.param_groups[1]["params"]}
    for name, value in network.named_parameters():
        decay = 0.03 if id(value) in latent else 0.02
        torch.testing.assert_close(value.detach(), before[name] * (1 - 0.1 * decay))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("device", "fused"), [("cpu", True), ("meta", False)])
def test_updates_are_fused_where_the_device_can(
    tiny_spec: cells.NetworkSpec, name: Any, device: str, fused: bool
) -> None:
    network = Network(tiny_spec).to(device)
    optimizer = make_optimizer(network, attrs.evolve(RECIPE, optimizer=name))
    assert [group["fused"] for group in optimizer.param_groups] == [fused] * 2


def test_a_schedule_sets_rates_and_the_momentum_of_one_cycle(
    tiny_spec: cells.NetworkSpec,
) -> None:
    recipe = attrs.evolve(RECIPE, optimizer="sgd", warmup_fraction=0.5)
    optimizer = make_optimizer(Network(tiny_spec), recipe)
    set_schedule(optimizer, recipe, 5, 10)
    for group in optimizer.param_groups:
        assert (group["lr"], group["momentum"]) == pytest.approx((0.1, 0.85))
    set_schedule(optimizer, attrs.evolve(recipe, schedule="linear"), 10, 10)
    for group in optimizer.param_groups:
        assert (group["lr"], group["momentum"]) == pytest.approx((0.0, 0.9))


@pytest.mark.parametrize("name", KINDS)
def test_moments_from_a_gpu_are_put_into_the_order_of_the_parameters(
    tiny_spec: cells.NetworkSpec, name: Any
) -> None:
    torch.manual_seed(0)
    network = Network(tiny_spec)
    recipe = attrs.evolve(RECIPE, optimizer=name, weight_decay=0.0)
    optimizer = make_optimizer(network, recipe)

    def step() -> dict[str, torch.Tensor]:
        source = torch.Generator().manual_seed(1)
        for parameter in network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=source)
        optimizer.step()
        return {key: value.detach().clone() for key, value in network.named_parameters()}

    weights = step()
    moments = copy.deepcopy(optimizer.state_dict())
    wanted = step()
    elsewhere = 0
    for slots in moments["state"].values():
        for key, value in slots.items():
            if value.ndim == 4:
                slots[key] = value.contiguous(memory_format=torch.channels_last)
                elsewhere += slots[key].stride() != value.stride()
    assert elsewhere
    network.load_state_dict({**network.state_dict(), **weights})
    load_moments(optimizer, moments)
    for key, value in step().items():
        assert torch.equal(value, wanted[key]), key
