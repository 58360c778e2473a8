"""Networks of the zoo's sizes on a GPU: too slow for the simulator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.zoo.testing import compare_with_module

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", ["BNAS-Mini", "BNAS-A", "BNAS-D", "Bi-Real-18"])
def test_equals_the_module(lively_network: Callable[..., Network], name: str) -> None:
    spec = cells.spec(name)
    module = lively_network(spec)
    side = {"cifar": 32, "imagenet": 64}[spec.template]
    images = np.random.default_rng(0).standard_normal((3, 3, side, side)).astype(np.float32)
    packed = zoo.pack(module)
    network = packed.to("cuda")
    result = compare_with_module(network, module, images)
    assert result.wrong_bits == 0
    assert result.largest_error <= 1e-4
    if result.near_ties:
        return
    for count in (1, 3, 64):
        many = np.concatenate([images] * 22)[:count]
        expected = packed(many)
        scale = max(1.0, float(np.abs(expected).max()))
        for _ in range(2):
            np.testing.assert_allclose(network(many), expected, rtol=0, atol=1e-4 * scale)
