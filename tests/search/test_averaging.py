from __future__ import annotations

import pytest
import torch

from bnas import cells, search
from bnas.cells.nn import BinaryConv2d, Network
from bnas.search.averaging import Average


def step(network: Network, value: float) -> None:
    """Set everything to `value`, but latent weights to `value` off a centred ±1 / 100."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)
        for name, buffer in network.named_buffers():
            buffer.fill_(7 if name.endswith("tracked") else value)
        for module in network.modules():
            if isinstance(module, BinaryConv2d):
                module.weight[:, ::2] += value / 100
                module.weight[:, 1::2] -= value / 100


def test_the_average_follows_parameters_and_statistics(tiny_spec: cells.NetworkSpec) -> None:
    network = Network(tiny_spec)
    step(network, 1.0)
    average = Average(network, 0.5)
    expected = 1.0
    for count, value in enumerate((1.0, 2.0, 5.0, -3.0)):
        step(network, value)
        average.update(network)
        if count:
            decay = min(0.5, (1 + count) / (10 + count))
            expected = decay * expected + (1 - decay) * value
    found = average.network
    assert not found.training
    latent = {f"{name}.weight" for name, m in found.named_modules() if isinstance(m, BinaryConv2d)}
    assert latent
    for name, tensor in found.state_dict().items():
        wanted = torch.full_like(tensor, 7 if name.endswith("tracked") else expected)
        if name in latent:
            wanted[:, ::2], wanted[:, 1::2] = expected / 100, -expected / 100
        if name.endswith("weight_scale"):
            wanted.fill_(abs(expected) / 100)  # Of the averaged weights, no average of scales.
        torch.testing.assert_close(tensor, wanted, rtol=1e-4, atol=1e-8, msg=name)


def test_a_state_goes_on_where_it_was(tiny_spec: cells.NetworkSpec) -> None:
    network = Network(tiny_spec)
    whole, cut = Average(network, 0.9), Average(network, 0.9)
    for value in (1.0, 2.0, 3.0):
        step(network, value)
        whole.update(network)
        cut.update(network)
        resumed = Average(Network(tiny_spec), 0.9)
        resumed.load_state_dict(cut.state_dict())
        cut = resumed
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(cut.network.state_dict()[name], tensor), name


def test_looking_at_it_or_changing_what_is_seen_leaves_it_as_it_is(
    tiny_spec: cells.NetworkSpec,
) -> None:
    torch.manual_seed(0)
    network = Network(tiny_spec)
    average = Average(network, 0.9)
    average.update(network)
    before = {name: value.clone() for name, value in average.state_dict().items()}
    seen = average.network
    search.round_real_parameters_(seen)
    assert average.network is seen
    for name, tensor in average.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    average.update(network)
    assert average.network is not seen
    average.load_state_dict(before)
    assert not torch.equal(average.network.classifier.weight, seen.classifier.weight)


@pytest.mark.parametrize("binarize", ["all", "activations", "none"])
def test_only_weights_that_are_binarised_are_projected(
    tiny_spec: cells.NetworkSpec, binarize: str
) -> None:
    torch.manual_seed(0)
    network = Network(tiny_spec, binarize=binarize)  # type: ignore[arg-type]
    average = Average(network, 0.9)
    average.update(network)
    expected = Network(tiny_spec, binarize=binarize)  # type: ignore[arg-type]
    expected.load_state_dict(network.state_dict())
    expected.project_latents_()
    for name, tensor in expected.state_dict().items():
        assert torch.equal(average.network.state_dict()[name], tensor), name


def test_the_average_shares_no_memory_with_the_network(tiny_spec: cells.NetworkSpec) -> None:
    network = Network(tiny_spec)
    average = Average(network, 0.9)
    before = {name: value.clone() for name, value in average.network.state_dict().items()}
    step(network, 3.0)
    for name, tensor in average.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
