"""Latent weights of one input channel, those of depthwise convolutions, which are not centred."""

from __future__ import annotations

import copy
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bnas import cells
from bnas.cells.nn import BinaryConv2d, Network, binary_weight, gradient_factor, project_latent
from bnas.cells.nn.layers import project_latents_together_

SPEC = cells.spec("DARTS-V2", num_cells=3, channels=4, num_classes=3)
IMAGES = torch.randn((4, 3, 16, 16), generator=torch.Generator().manual_seed(0))


def depthwise(network: Network) -> list[BinaryConv2d]:
    convs = [part for part in network.modules() if isinstance(part, BinaryConv2d)]
    found = [conv for conv in convs if conv.node.groups > 1]
    assert 0 < len(found) < len(convs)
    assert all(conv.weight.shape[1:] == (1, 3, 3) for conv in found)
    return found


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), shape=st.tuples(*[st.integers(1, 4)] * 4))
def test_one_channel_is_clamped_and_more_are_centred(
    seed: int, shape: tuple[int, int, int, int]
) -> None:
    latent = 2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    centred = (latent - latent.mean(dim=1, keepdim=True)).clamp(-1, 1)
    own, official = latent.clone(), latent.clone()
    project_latent(own)
    project_latent(official, official_centring=True)
    assert torch.equal(own, centred if shape[1] > 1 else latent.clamp(-1, 1))
    assert torch.equal(official, centred)
    if shape[1] == 1:
        assert not official.any()


@pytest.mark.parametrize("official_centring", [False, True])
@pytest.mark.parametrize("binarize", ["all", "activations"])
def test_projected_together_the_numbers_are_the_same(
    official_centring: bool, binarize: Literal["all", "activations"]
) -> None:
    # As on a GPU: equal shapes at once, from weights that lie channels last.
    torch.manual_seed(0)
    network = Network(SPEC, binarize=binarize, official_centring=official_centring)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(4)
    together = copy.deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.project_latents_()
    project_latents_together_(m for m in together.modules() if isinstance(m, BinaryConv2d))
    changed = 0
    for name, value in together.state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[name], rtol=1e-6, atol=1e-7)
        changed += not torch.equal(value, before[name])
    assert changed > 20 if binarize == "all" else changed == 0


@pytest.mark.parametrize(
    ("channels", "official_centring", "factor"),
    [(1, False, 9), (1, True, 0), (4, False, 27), (4, True, 27)],
)
def test_the_official_factor_leaves_room_for_one_channel(
    channels: int, official_centring: bool, factor: float
) -> None:
    latent = torch.full((2, channels, 3, 3), 0.5, requires_grad=True)
    found = gradient_factor(latent, official_centring=official_centring)
    assert found == factor
    grads = []
    for official in (False, True):
        _, scale = binary_weight(
            latent, official_gradient=official, official_centring=official_centring
        )
        grads.append(torch.autograd.grad(scale.sum(), latent)[0])
    torch.testing.assert_close(grads[1], grads[0] * factor)


def test_official_centring_leaves_depthwise_convolutions_nothing() -> None:
    network = Network(SPEC, official_centring=True)
    network.project_latents_()
    for conv in depthwise(network):
        assert not conv.weight.any() and not conv.weight_scale.any()
    network = Network(SPEC)
    before = {id(conv): conv.weight.detach().clone() for conv in depthwise(network)}
    network.project_latents_()
    for conv in depthwise(network):
        assert torch.equal(conv.weight, before[id(conv)].clamp(-1, 1))
        assert bool((conv.weight_scale > 0).all())


@pytest.mark.parametrize("name", ["DARTS-V2", "BATS-style", "BATS-style-real"])
def test_every_parameter_learns(name: str) -> None:
    spec = cells.spec(name, num_cells=3, channels=12, num_classes=3)
    network = Network(spec, official_gradient=True).train()
    network.project_latents_()
    network(IMAGES).square().sum().backward()
    still = [key for key, value in network.named_parameters() if not value.grad.any()]
    # What the last cells do not read is no parameter of a pruned network.
    assert still == []


def test_drop_path_drops_whole_edges_of_separable_convolutions() -> None:
    network = Network(SPEC).train()
    separable = {"sep_conv_3x3": "pointwise2.relu", "dil_conv_3x3": "pointwise1.relu"}
    wanted = []
    for cell in range(3):
        for edge, (op, _) in enumerate(SPEC.genotype.cell(cell in SPEC.reductions)):
            if op in separable:
                wanted.append(f"cells.{cell}.ops.{edge}.{separable[op]}")
    assert [name for name in network.drop_path_edges if "wise" in name] == wanted
    assert all("preprocess" not in name for name in network.drop_path_edges)
    unpruned = Network(SPEC, pruned=False)
    kinds = {type(unpruned.graph[name]).__name__ for name in unpruned.drop_path_edges}
    assert kinds == {"ReLU", "MaxPool"}  # Identity edges are kept.
