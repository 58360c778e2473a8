from __future__ import annotations

from typing import get_args

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bnas import cells
from bnas.cells.nn import Binarize, BinaryConv2d, Network
from bnas.cells.nodes import BinaryConv
from bnas.search.clipping import binarised_gradient, clip_gradients_


def layer(groups: int = 1, **options: bool) -> BinaryConv2d:
    torch.manual_seed(0)
    channels = {"in_channels": 6, "out_channels": 6 if groups > 1 else 4}
    node = BinaryConv(name="conv", inputs=("x",), kernel=3, groups=groups, **channels)
    module = BinaryConv2d(node, **options)
    module.project_latent_()
    return module.train()


@pytest.mark.parametrize("official_gradient", [False, True])
@pytest.mark.parametrize("official_sign", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_the_gradient_of_the_binary_weight_is_recovered(
    official_gradient: bool, official_sign: bool, groups: int
) -> None:
    module = layer(groups, official_gradient=official_gradient, official_sign=official_sign)
    with torch.no_grad():
        module.weight[0, 0, 0, :2] = 0.0
    x = torch.randn(3, 6, 5, 5).sign()
    pull = torch.randn(3, len(module.weight), 3, 3)
    (module(x) * pull).sum().backward()
    weight = module.weight.detach()
    signs = torch.sign(weight) if official_sign else torch.where(weight >= 0, 1.0, -1.0)
    product = (signs * weight.abs().mean(dim=(1, 2, 3), keepdim=True)).requires_grad_()
    (functional.conv2d(x, product, groups=groups) * pull).sum().backward()
    torch.testing.assert_close(binarised_gradient(module), product.grad, rtol=1e-4, atol=1e-4)


def test_all_gradients_shrink_by_one_factor() -> None:
    network = nn.ModuleList([layer(official_gradient=True), nn.Conv2d(4, 3, 1), nn.Linear(2, 2)])
    x = torch.randn(2, 6, 5, 5).sign()
    network[1](network[0](x)).square().sum().backward()
    before = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    parts = [binarised_gradient(network[0]), before["1.weight"], before["1.bias"]]
    norm = float(torch.stack([part.square().sum() for part in parts]).sum().sqrt())
    assert float(clip_gradients_(network, 2 * norm)) == pytest.approx(norm, rel=1e-5)
    for name, parameter in network.named_parameters():
        if name in before:
            assert torch.equal(parameter.grad, before[name])
    assert float(clip_gradients_(network, norm / 10)) == pytest.approx(norm, rel=1e-5)
    for name, parameter in network.named_parameters():
        if name in before:
            torch.testing.assert_close(parameter.grad, before[name] / 10, rtol=1e-4, atol=1e-7)
    assert network[2].weight.grad is None


@pytest.mark.parametrize("binarize", get_args(Binarize))
@pytest.mark.parametrize("official_gradient", [False, True])
def test_the_norm_of_a_network_is_that_of_the_weights_it_convolves_with(
    binarize: Binarize, official_gradient: bool
) -> None:
    torch.manual_seed(0)
    wiring = cells.genotypes["bnas-imagenet"]
    spec = cells.NetworkSpec(genotype=wiring, num_cells=3, channels=4, num_classes=3)
    network = Network(spec, binarize=binarize, official_gradient=official_gradient).train()
    network.project_latents_()
    passes: dict[BinaryConv2d, tuple[Tensor, Tensor]] = {}

    def remember(module: BinaryConv2d, inputs: tuple[Tensor], output: Tensor) -> None:
        output.retain_grad()
        passes[module] = inputs[0].detach(), output

    for module in network.modules():
        if isinstance(module, BinaryConv2d):
            module.register_forward_hook(remember)
    network(torch.randn(4, 3, 16, 16)).square().sum().backward()
    # Through the same passes, lest rounding flips a sign; with the products as leaves.
    parts = []
    for module, (x, output) in passes.items():
        weight = module.weight.detach().clone()
        if binarize == "all":
            weight = torch.where(weight >= 0, 1.0, -1.0) * weight.abs().mean((1, 2, 3), True)
        module._convolve(x, weight.requires_grad_()).backward(output.grad)
        parts.append(weight.grad)
    latent = {id(module.weight) for module in passes}
    parts += [value.grad for value in network.parameters() if id(value) not in latent]
    expected = float(nn.utils.get_total_norm(parts))
    assert len(passes) > 10
    assert float(clip_gradients_(network, 1.0)) == pytest.approx(expected, rel=1e-5)
    assert float(clip_gradients_(network, 1.0)) == pytest.approx(1.0, rel=1e-5)


def test_weights_centred_to_zero_count_as_nothing() -> None:
    module = layer(6, official_gradient=True, official_centring=True)
    module(torch.randn(3, 6, 5, 5).sign()).sum().backward()
    assert not binarised_gradient(module).any()


def test_a_filter_of_zeros_counts_as_nothing() -> None:
    module = layer()
    with torch.no_grad():
        module.weight[1] = 0.0
    module(torch.randn(3, 6, 5, 5).sign()).sum().backward()
    found = binarised_gradient(module)
    assert torch.isfinite(found).all()
    assert not found[1].any()
