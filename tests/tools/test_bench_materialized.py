"""The float twin for other runtimes: the packed network's function in torch's own layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bnas import cells, zoo
from bnas.tools.bench.materialized import materialize
from bnas.tools.bench.random_weights import random_network


def twin_logits(module: nn.Module, images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return module(torch.from_numpy(images)).numpy()


def images_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(shape, np.float32)


def small(genotype: str, template: str, **more: object) -> cells.NetworkSpec:
    return cells.NetworkSpec(
        genotype=cells.genotypes[genotype], template=template, num_cells=3, channels=4, **more
    )


@pytest.mark.parametrize(
    ("spec", "side"),
    [
        (small("bnas-cifar10", "cifar"), 16),
        (small("bnas-cifar10", "cifar", reduction_skip="pool", activation="rprelu"), 16),
        (small("bnas-imagenet", "imagenet"), 64),
        (small("bnas-imagenet", "imagenet", real_weight_tail=2, skip="both"), 64),
    ],
)
def test_the_twin_computes_what_the_packed_network_does(spec: cells.NetworkSpec, side: int) -> None:
    network = random_network(spec)
    images = images_of(2, 3, side, side)
    twin = materialize(network, images.shape)
    np.testing.assert_allclose(twin_logits(twin, images), network(images), rtol=1e-4, atol=1e-4)


def test_the_twin_of_the_trained_network_agrees() -> None:
    network = zoo.load("BNAS-Mini")
    images = images_of(2, 3, 32, 32)
    expected = network(images)
    actual = twin_logits(materialize(network, images.shape), images)
    assert np.abs(actual - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_twin_has_torch_s_own_layers_and_materialised_weights(
    tiny_network: zoo.PackedNetwork,
) -> None:
    twin = materialize(tiny_network, (1, 3, 32, 32))
    convs = [layer for layer in twin.modules() if isinstance(layer, nn.Conv2d)]
    binary = [conv for conv in convs if conv.bias is None and conv.weight.shape[1] > 3]
    assert binary
    for conv in binary:
        magnitudes = conv.weight.abs()
        assert torch.equal(magnitudes, magnitudes[:, :1, :1, :1].expand_as(magnitudes))
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    foreign = {
        type(m).__name__ for m in twin.modules() if not type(m).__module__.startswith("torch")
    }
    assert foreign <= {"Sign", "Zero", "Module", "GraphModuleImpl"}


def test_random_networks_are_the_same_every_time() -> None:
    spec = small("bnas-cifar10", "cifar")
    images = images_of(1, 3, 16, 16)
    state = torch.random.get_rng_state()
    first, second = random_network(spec)(images), random_network(spec)(images)
    assert np.array_equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first.std() > 0


def test_a_twin_of_a_wrong_size_is_refused(tiny_network: zoo.PackedNetwork) -> None:
    with pytest.raises(cells.GraphError):
        materialize(tiny_network, (1, 3, 7, 7))
