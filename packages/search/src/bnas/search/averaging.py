"""`Average`: the exponential moving average of a network's weights, for evaluation."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from bnas.cells.nn import Network


class Average:
    """A network whose parameters and batch statistics follow those of another one.

    Latent weights are averaged, and signs are taken of the average: a weight that flips to and fro
    gets the sign that it had longer. In the first steps the average follows faster,
    min(decay, (1 + steps) / (10 + steps)).

    Attributes:
        network: The average, in evaluation mode.
    """

    def __init__(self, network: Network, decay: float) -> None:
        """Start at the weights of `network`.

        Args:
            network: What is trained.
            decay: Share of the average that a step keeps, >= 0 and < 1.
        """
        self._decay = decay
        self._model = AveragedModel(network, multi_avg_fn=self._move, use_buffers=True)
        self._model.eval()

    @property
    def network(self) -> Network:
        """The average; the scales of its binary weights are those of the averaged weights."""
        network = self._model.module
        assert isinstance(network, Network)
        # On the way from training to evaluation the scales are taken anew.
        return network.train().eval()

    def update(self, network: nn.Module) -> None:
        """Take a step of `network` into the average."""
        self._model.update_parameters(network)

    def state_dict(self) -> dict[str, Any]:
        """Return the average and the number of steps in it."""
        return self._model.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self._model.load_state_dict(state)

    def _move(self, averages: Any, values: Any, steps: torch.Tensor | int) -> None:
        count = int(steps)
        decay = min(self._decay, (1 + count) / (10 + count))
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)
