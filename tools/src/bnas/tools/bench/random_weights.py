"""`random_network`: a network to be timed before anybody has trained it.

How long a network takes does not depend on its weights, as long as its activations are like those
of a trained one: so weights are random, and batch norms get the statistics of random images. Such a
network has the tag ``random`` and is never saved as weights of the zoo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from bnas import zoo
from bnas.cells.nn import Network

if TYPE_CHECKING:
    from bnas.cells import Spec
    from bnas.zoo import PackedNetwork

#: What stands behind the name of a network with random weights.
TAG = "random"
#: Passes whose batch statistics are averaged.
_PASSES = 2


def random_network(spec: Spec) -> PackedNetwork:
    """Return a packed network of random weights and calibrated batch norms.

    Args:
        spec: The network: of cells, of blocks, or the float twin of one.
    """
    side = spec.input_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Network(spec)
        _spread_biases(network)
        _calibrate(network, batch=16 if side <= 64 else 4, side=side)
    return zoo.pack(network.eval())


def _spread_biases(network: nn.Module) -> None:
    """Give affine batch norms offsets of both signs, as training does."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.bias, std=0.1)


@torch.no_grad()
def _calibrate(network: Network, batch: int, side: int) -> None:
    """Set running statistics to the mean of those of a few batches of random images."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # torch's way to say: a plain mean
    network.train()
    network.project_latents_()
    for _ in range(_PASSES):
        network(torch.randn(batch, 3, side, side))
