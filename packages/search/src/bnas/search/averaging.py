"""`Average`: the exponential moving average of a network's weights, for evaluation."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

from bnas.cells.nn import Network

#: Of the names of the tensors in a state.
_PREFIX = "module."


class Average:
    """A network whose parameters and batch statistics follow those of another one.

    Latent weights are averaged, and signs are taken of the average: a weight that flips to and fro
    gets the sign that it had longer. Batch statistics are averaged as parameters are; counters are
    copied. In the first steps the average follows faster, min(decay, (1 + steps) / (10 + steps)).

    torch's `AveragedModel` does the same, and its states are read here; but it copies its counter
    to the device in every step, for which the step would wait.
    """

    def __init__(self, network: Network, decay: float) -> None:
        """Start at the weights of `network`.

        Args:
            network: What is trained.
            decay: Share of the average that a step keeps, >= 0 and < 1.
        """
        self._decay = decay
        self._steps = 0
        self._average = copy.deepcopy(network).eval()
        self._network: Network | None = None
        self._pairs: _Pairs | None = None

    @property
    def network(self) -> Network:
        """The average in evaluation mode: the same object until the next `update`.

        Its latent weights are projected, as those are that a step is taken with: a step leaves them
        off centre, and some signs are others then (up to 0.5 % of them at learning rate 5e-2 with
        the authors' gradient factor). It is a copy, so that the average itself does not depend on
        when it is looked at.
        """
        if self._network is None:
            network = copy.deepcopy(self._average)
            network.project_latents_()
            # On the way from training to evaluation scales are taken anew, of real weights too.
            self._network = network.train().eval()
        return self._network

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take a step of `network` into the average, without waiting for the device.

        Args:
            network: From step to step the same, whose parameters and buffers change in place.
        """
        self._network = None
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        if self._pairs is None or self._pairs.network is not network:
            self._pairs = _Pairs.of(self._average, network)
        floats, counters = self._pairs.floats, self._pairs.counters
        if self._steps:
            torch._foreach_lerp_(*floats, 1 - decay)
        else:
            torch._foreach_copy_(*floats)
        if counters[0]:
            torch._foreach_copy_(*counters)
        self._steps += 1

    def named_tensors(self) -> dict[str, Tensor]:
        """Return the parameters and statistics of the average by name."""
        tensors: dict[str, Tensor] = self._average.state_dict(prefix="average.")
        return tensors

    def state_dict(self) -> dict[str, Any]:
        """Return the average and the number of steps in it."""
        tensors = self._average.state_dict(prefix=_PREFIX)
        return {"n_averaged": torch.tensor(self._steps), **tensors}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self._network = None
        self._steps = int(state["n_averaged"])
        tensors = {name.removeprefix(_PREFIX): value for name, value in state.items()}
        del tensors["n_averaged"]
        self._average.load_state_dict(tensors)


@frozen(eq=False)
class _Pairs:
    """The tensors of an average and those of a network, looked up once: they stay where they are.

    Attributes:
        network: Whose tensors they are.
        floats: Those of the average and those of the network, in the same order.
        counters: The others, likewise.
    """

    network: nn.Module
    floats: tuple[list[Tensor], list[Tensor]]
    counters: tuple[list[Tensor], list[Tensor]]

    @classmethod
    def of(cls, average: nn.Module, network: nn.Module) -> _Pairs:
        floats: tuple[list[Tensor], list[Tensor]] = ([], [])
        counters: tuple[list[Tensor], list[Tensor]] = ([], [])
        for one, other in zip(_tensors(average), _tensors(network), strict=True):
            ours, theirs = floats if one.is_floating_point() else counters
            ours.append(one)
            theirs.append(other)
        return cls(network, floats, counters)


def _tensors(network: nn.Module) -> chain[Tensor]:
    return chain(network.parameters(), network.buffers())
