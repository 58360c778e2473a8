from __future__ import annotations

import pytest
import torch

from bnas import cells
from bnas.cells.nn import Network
from bnas.search.averaging import Average


def step(network: Network, value: float) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)
        for name, buffer in network.named_buffers():
            buffer.fill_(7 if name.endswith("tracked") else value)


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
    found = average.network.state_dict()
    assert not average.network.training
    for name, tensor in found.items():
        value = 7.0 if name.endswith("tracked") else expected
        if name.endswith("weight_scale"):
            value = abs(expected)  # The scale of the averaged weights, not an average of scales.
        assert tensor.float().mean().item() == pytest.approx(value, rel=1e-5), name


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


def test_the_average_shares_no_memory_with_the_network(tiny_spec: cells.NetworkSpec) -> None:
    network = Network(tiny_spec)
    average = Average(network, 0.9)
    before = {name: value.clone() for name, value in average.network.state_dict().items()}
    step(network, 3.0)
    for name, tensor in average.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
