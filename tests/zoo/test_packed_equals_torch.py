"""The packed program is the torch module: on 200 random specifications, bit by bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.cells.testing import network_specs
from bnas.zoo.testing import compare_with_module

Enliven = Callable[[Network, int], Network]
#: Sides of the images, pixels: what the stem and the reductions leave is small, and odd in places.
SIDES = {"cifar": (8, 16, 20), "imagenet": (32, 64, 96)}

# Found by earlier runs: bits of a batch norm of nothing but zeros.
ZEROS_BEFORE_A_SIGN = cells.NetworkSpec(
    genotype=cells.Genotype(
        normal=(
            ("none", 1),
            ("bin_conv_5x5", 1),
            ("bin_dil_conv_3x3", 2),
            ("bin_dil_conv_3x3", 0),
        ),
        reduce=(("none", 1), ("none", 1), ("bin_dil_conv_3x3", 2), ("bin_conv_5x5", 0)),
        concat=(3,),
    ),
    template="imagenet",
    num_cells=4,
    channels=6,
    skip="none",
    reduction_skip="pool",
)


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(spec=ZEROS_BEFORE_A_SIGN, seed=1, side=1)
@given(spec=network_specs(), seed=st.integers(0, 2**31), side=st.integers(0, 2))
def test_random_networks(
    enliven_network: Enliven, spec: cells.NetworkSpec, seed: int, side: int
) -> None:
    torch.manual_seed(seed)
    module = enliven_network(Network(spec), seed)
    size = SIDES[spec.template][side]
    images = np.random.default_rng(seed).standard_normal((2, 3, size, size)).astype(np.float32)
    result = compare_with_module(zoo.pack(module), module, images)
    event("near ties" if result.near_ties else "every bit equal")
    assert result.wrong_bits == 0
    assert result.largest_error <= 1e-4


@pytest.mark.parametrize("name", ["BNAS-Mini", "BNAS-D"])
def test_published_networks(enliven_network: Enliven, name: str) -> None:
    torch.manual_seed(0)
    spec = cells.spec(name)
    module = enliven_network(Network(spec), 0)
    side = {"cifar": 32, "imagenet": 64}[spec.template]
    images = np.random.default_rng(0).standard_normal((1, 3, side, side)).astype(np.float32)
    result = compare_with_module(zoo.pack(module), module, images)
    assert result.bits > 100_000
    assert result.wrong_bits == 0
    assert result.largest_error <= 1e-4


class TestComparison:
    """The comparison itself must notice what is wrong."""

    def test_one_flipped_weight(
        self, small_module: Network, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        name = "cells.1.ops.1.conv.weight"
        tensors = {key: value.copy() for key, value in small_network.parameters.tensors.items()}
        tensors[name].reshape(-1)[0] ^= 1
        parameters = type(small_network.parameters)(small_network.parameters.graph, tensors)
        changed = zoo.PackedNetwork(small_network.spec, parameters)
        result = compare_with_module(changed, small_module, images)
        assert result.wrong_bits > 0 or result.largest_error > 1e-4

    def test_equal_networks(
        self, small_module: Network, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        result = compare_with_module(small_network, small_module, images)
        assert (result.wrong_bits, result.near_ties) == (0, 0)
        assert result.largest_error <= 1e-5
