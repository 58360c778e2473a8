from __future__ import annotations

import pytest
import torch

from bnas import cells, search
from bnas.cells.nn import BinaryConv2d, Network


def test_real_numbers_are_rounded_and_latent_weights_are_not(tiny_spec: cells.NetworkSpec) -> None:
    torch.manual_seed(0)
    network = Network(tiny_spec)
    network(torch.randn(8, 3, 8, 8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    search.round_real_parameters_(network)
    latent = {f"{n}.weight" for n, m in network.named_modules() if isinstance(m, BinaryConv2d)}
    kept = latent | {name + "_scale" for name in latent}
    changed = set()
    for name, value in network.state_dict().items():
        if name in kept or not value.is_floating_point():
            assert torch.equal(value, before[name]), name
        else:
            assert value.dtype == torch.float32
            assert torch.equal(value, before[name].half().float()), name
            changed |= {name} if not torch.equal(value, before[name]) else set()
    assert any(name.endswith("running_var") for name in changed)
    assert any("stem" in name and name.endswith("weight") for name in changed)


def test_a_value_too_large_is_refused() -> None:
    layer = torch.nn.Linear(2, 2)
    with torch.no_grad():
        layer.bias[1] = 1e5
    with pytest.raises(search.DataError, match=r"`bias` must be at most 65504 .*got 100000"):
        search.round_real_parameters_(layer)
    network = torch.nn.Sequential(torch.nn.ReLU(), layer)
    with pytest.raises(search.DataError, match=r"`1\.bias` must be .*lower `learning_rate`"):
        search.round_real_parameters_(network)
    with pytest.raises(search.DataError, match=r"`1\.bias` must be at most"):
        search.round_real_parameters_(torch.nn.Sequential(torch.nn.ReLU(), layer))
