"""Networks on a GPU: the same function as the torch module and as the packed network on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba.core import config

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.cells.testing import darts_specs, graph_specs, network_specs, resnet_specs
from bnas.zoo.cuda import device_program
from bnas.zoo.testing import compare_with_module

Lively = Callable[..., Network]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def check(module: Network, images: np.ndarray) -> None:
    """Every bit, every stage and the logits are the module's."""
    network = zoo.pack(module).to("cuda")
    result = compare_with_module(network, module, images)
    assert result.wrong_bits == 0
    assert result.largest_error <= 1e-4
    with torch.no_grad():
        expected = module(torch.from_numpy(images)).numpy()
    if not result.near_ties:
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(network(images), expected, rtol=0, atol=1e-4 * scale)


SPECS = {
    "published wiring": cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"], num_cells=3, channels=5
    ),
    "RPReLU, both skips, pooled reduction": cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"],
        num_cells=3,
        channels=3,
        skip="both",
        reduction_skip="pool",
        activation="rprelu",
    ),
    "words and more": cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"], num_cells=1, channels=33, skip="none"
    ),
    "depthwise": cells.spec("DARTS-V2", num_cells=2, channels=3, num_classes=3),
    "groups, real downsampling": cells.spec(
        "BATS-style-real", num_cells=2, channels=12, num_classes=3
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_equals_the_module(lively_network: Lively, name: str) -> None:
    check(lively_network(SPECS[name]), normal(2, 3, 4, 4))


@pytest.mark.parametrize("capability", [(9, 0), (7, 5), (12, 0)])
def test_every_kind_of_gpu(
    lively_network: Lively, capability: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also places that matrix instructions find odd: five channels a node."""
    if config.ENABLE_CUDASIM:
        monkeypatch.setattr(device_program, "gpu_capability", lambda device: capability)
    check(lively_network(SPECS["published wiring"]), normal(1, 3, 4, 4))


@settings(
    max_examples=4,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    spec=network_specs(max_cells=2, max_channels=4, templates=["cifar"])
    | darts_specs(max_cells=1, max_channels=4, templates=["cifar"])
    | resnet_specs(max_stages=2, max_blocks=1, max_width=4, templates=["cifar"]),
    seed=st.integers(0, 2**31),
)
def test_random_networks(lively_network: Lively, spec: cells.Spec, seed: int) -> None:
    check(lively_network(spec, seed), normal(1, 3, 4, 4, seed=seed))


@settings(
    max_examples=4,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(spec=graph_specs(input_size=4, max_nodes=8, max_channels=6), seed=st.integers(0, 2**31))
def test_random_graphs(lively_network: Lively, spec: cells.Spec, seed: int) -> None:
    check(lively_network(spec, seed), normal(1, 3, 4, 4, seed=seed))
