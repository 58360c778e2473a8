"""`GradientLog`: sums up |gradient| of every convolution while a run goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bnas.cells import nodes
from bnas.cells.nn import BinaryConv2d, Network
from bnas.search.gradient_history import GradientHistory
from bnas.search.saved_state import refuse


class GradientLog:
    """What `GradientHistory` says, of the epochs that are finished and of the one under way.

    Sums are float64 on the device, so that adding to them waits for nothing; they are read once an
    epoch. All processes of a run have the same sums, since their gradients are averaged before.

    Attributes:
        active: Whether steps are recorded. A log that is not keeps what it has, so that a run for
            which it is switched off loses no epoch of before.
    """

    def __init__(self, network: Network, *, active: bool = True) -> None:
        """Begin with nothing.

        Args:
            network: On its device; its convolutions are recorded in the order of its graph.
            active: See the class.
        """
        self.active = active
        found = [
            (node.name, module, module.weight)
            for node, module, _ in network.steps
            if isinstance(node, nodes.Conv) and isinstance(module.weight, torch.nn.Parameter)
        ]
        self._layers = tuple(name for name, _, _ in found)
        self._kinds = tuple("binary" if _is_binary(module) else "real" for _, module, _ in found)
        self._weights = [weight for _, _, weight in found]
        device = self._weights[0].device if self._weights else None
        self._sums = torch.zeros(len(found), dtype=torch.float64, device=device)
        self._steps = 0
        self._epochs: list[int] = []
        self._values: list[Tensor] = []

    @property
    def history(self) -> GradientHistory:
        """What is recorded of finished epochs."""
        values = torch.stack(self._values) if self._values else torch.zeros(0, len(self._layers))
        return GradientHistory(self._layers, self._kinds, self._epochs, values.double().numpy())

    @torch.no_grad()
    def add(self) -> None:
        """Take in the gradients of a step: after the backward pass, before anything changes them.

        A weight without a gradient, which nothing that is live reads, counts as 0.
        """
        if not self.active:
            return
        self._steps += 1
        gradients = [weight.grad for weight in self._weights]
        # Float32 within a layer, as the gradients are: one pass over all of them.
        norms = iter(torch._foreach_norm([each for each in gradients if each is not None], 1))
        zero = self._sums.new_zeros((), dtype=torch.float32)
        self._sums += torch.stack([zero if each is None else next(norms) for each in gradients])

    def end_epoch(self, epoch: int, steps: int) -> None:
        """Keep the means of an epoch, unless some of its steps were not recorded.

        Args:
            epoch: That has ended, from 0.
            steps: That it had.
        """
        if self._steps == steps:
            self._epochs.append(epoch)
            self._values.append((self._sums / steps).cpu())
        self._sums.zero_()
        self._steps = 0

    def state_dict(self) -> dict[str, Any]:
        """Return all that is recorded, as a checkpoint holds it."""
        values = torch.stack(self._values) if self._values else self._sums.new_zeros(0).cpu()
        return {
            "layers": list(self._layers),
            "epochs": list(self._epochs),
            "values": values,
            "sums": self._sums.cpu(),
            "steps": self._steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned and `check` has looked at."""
        self._epochs = list(state["epochs"])
        self._values = list(state["values"])
        self._sums.copy_(state["sums"])
        self._steps = state["steps"]

    def check(self, path: Path, state: Any, epoch: int, step: int) -> None:
        """Refuse a state that is damaged, or of another network.

        Args:
            path: The checkpoint, for the message.
            state: Ought to be what `state_dict` returned.
            epoch: The one under way in the checkpoint.
            step: The next one within it.

        Raises:
            CheckpointError: It is.
        """
        keys = {"layers", "epochs", "values", "sums", "steps"}
        if not isinstance(state, dict) or state.keys() != keys:
            refuse(path, "gradients", f"a dict of {sorted(keys)}", state)
        if state["layers"] != list(self._layers):
            refuse(path, "gradients.layers", "the convolutions of the network", state["layers"])
        epochs, steps = state["epochs"], state["steps"]
        numbers = isinstance(epochs, list) and all(type(each) is int for each in epochs)
        if not numbers or epochs != sorted(set(epochs) & set(range(epoch))):
            refuse(path, "gradients.epochs", f"rising numbers below {epoch}", epochs)
        if type(steps) is not int or not 0 <= steps <= step:
            refuse(path, "gradients.steps", f"an integer from 0 to {step}", steps)
        width = (len(self._layers),)
        _check_tensor(path, "values", state["values"], (len(epochs), *width) if epochs else (0,))
        _check_tensor(path, "sums", state["sums"], width)


def _is_binary(module: Any) -> bool:
    return isinstance(module, BinaryConv2d) and not module.real_weights


def _check_tensor(path: Path, name: str, found: Any, shape: tuple[int, ...]) -> None:
    fits = isinstance(found, Tensor) and found.dtype == torch.float64
    if not fits or tuple(found.shape) != shape or not bool((found >= 0).all()):
        refuse(path, f"gradients.{name}", f"float64 of shape {shape}, >= 0", found)
