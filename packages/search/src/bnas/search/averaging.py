"""`Average`: the exponential moving average of a network's weights, for evaluation."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bnas.cells.nn import Network


class Average:
    """A network whose parameters and batch statistics follow those of another one.

    Latent weights are averaged, and signs are taken of the average: a weight that flips to and fro
    gets the sign that it had longer. Batch statistics are averaged as parameters are; counters are
    copied. In the first steps the average follows faster, min(decay, (1 + steps) / (10 + steps)).
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
        self._network: Network | None = None

    @property
    def network(self) -> Network:
        """The average in evaluation mode: the same object until the next `update`.

        Its latent weights are projected, as those are that a step is taken with: a step leaves them
        off centre, and some signs are others then (up to 0.5 % of them at learning rate 5e-2 with
        the authors' gradient factor). It is a copy, so that the average itself does not depend on
        when it is looked at.
        """
        if self._network is None:
            network = copy.deepcopy(self._model.module)
            assert isinstance(network, Network)
            network.project_latents_()
            # On the way from training to evaluation scales are taken anew, of real weights too.
            self._network = network.train().eval()
        return self._network

    def update(self, network: nn.Module) -> None:
        """Take a step of `network` into the average."""
        self._network = None
        self._model.update_parameters(network)

    def named_tensors(self) -> dict[str, Tensor]:
        """Return the parameters and statistics of the average by name."""
        tensors: dict[str, Tensor] = self._model.module.state_dict(prefix="average.")
        return tensors

    def state_dict(self) -> dict[str, Any]:
        """Return the average and the number of steps in it."""
        return self._model.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self._network = None
        self._model.load_state_dict(state)

    def _move(self, averages: Any, values: Any, steps: Tensor | int) -> None:
        """Move tensors of one dtype; called by torch from the second step on."""
        if not averages[0].is_floating_point():
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)
            return
        # The counter is on the CPU: `steps` is its copy on the device, for which one would wait.
        count = int(self._model.n_averaged)
        decay = min(self._decay, (1 + count) / (10 + count))
        get_ema_multi_avg_fn(decay)(averages, values, steps)
