"""`LongRun`: what every run of many epochs is between two steps, and how it is saved."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from attrs import define, field
from torch import Tensor, nn

from bnas.search.errors import CheckpointError, DivergenceError, ExplosionError
from bnas.search.loss_watch import LossWatch
from bnas.search.parallel import Processes
from bnas.search.saved_state import find_not_finite

CHECKPOINT_NAME = "checkpoint.pt"


@define(eq=False, kw_only=True)
class LongRun(ABC):
    """A training or a search between two steps.

    Attributes:
        directory: Where checkpoints and results are written.
        processes: Those that work together.
        identity: What a checkpoint must be of; one of anything else is refused.
        network: The network whose state is saved.
        optimizer: Of its weights.
        tally: Losses, hits and images of the epoch so far, of this process: float64 on the device,
            so that adding to it waits for nothing.
        recent_loss: Sums of the losses of the steps since the last look at them, of this process:
            float64 on the device, one number for each kind of loss. No differences of tallies, in
            which what is small would be lost after something huge.
        watch: Over the first kind of loss; no checkpoint holds it, since none is written while it
            is not calm.
        history: One record for every finished epoch.
        epoch: Of the next step, from 0.
        step: The next one within the epoch, from 0.
        seconds: Spent in the epoch so far, before this process started.
        sound_steps: Steps of the epoch after which every number is known to have been finite.
        written: Monotonic time of the last checkpoint of this process, in seconds.
    """

    directory: Path
    processes: Processes
    identity: dict[str, Any]
    network: Any
    optimizer: torch.optim.Optimizer
    tally: Tensor
    recent_loss: Tensor
    watch: LossWatch
    history: list[Any] = field(factory=list)
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    sound_steps: int = 0
    written: float = -math.inf

    @property
    def checkpoint_path(self) -> Path:
        """The file to go on from."""
        return self.directory / CHECKPOINT_NAME

    @property
    def device(self) -> torch.device:
        """Where everything lies."""
        return self.processes.device

    @property
    @abstractmethod
    def epochs(self) -> int:
        """Epochs of the whole run."""

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """Steps of every epoch."""

    @property
    @abstractmethod
    def training(self) -> nn.Module:
        """What is set to training at the start of an epoch."""

    @abstractmethod
    def store(self, state: dict[str, Any], *, ends_epoch: bool) -> None:
        """Write a checkpoint; called in the leading process only.

        Args:
            state: What it is to hold.
            ends_epoch: Whether it is the first one after an epoch.

        Raises:
            CheckpointError: It cannot be written; the older one is kept.
        """

    def more_state(self) -> dict[str, Any]:
        """Return what a checkpoint holds besides what every run has."""
        return {}

    def named_tensors(self) -> Mapping[str, Tensor]:
        """Return all parameters and statistics, whose numbers must be finite."""
        tensors: Mapping[str, Tensor] = self.network.state_dict()
        return tensors

    def take_over(self, state: dict[str, Any], history: list[Any]) -> None:
        """Go on where a checkpoint was written, whose contents have been checked."""
        self.history, self.epoch = history, state["epoch"]
        self.step = self.sound_steps = state["step"]
        self.seconds = float(state.get("seconds", 0.0))
        if self.processes.leads:
            self.tally.copy_(torch.tensor(state["tally"], dtype=torch.float64))

    def save(self, seconds: float) -> None:
        """Write the checkpoint if all is finite; all processes take part, the leading one writes.

        Args:
            seconds: Spent in the epoch so far.

        Raises:
            DivergenceError: A number is not finite; the older checkpoint is kept.
            CheckpointError: It cannot be written; the older one is kept.
        """
        self.check_finite()
        self.write(seconds)

    def write(self, seconds: float, *, ends_epoch: bool = False) -> None:
        """Write the checkpoint whatever it holds, as `save` does.

        Args:
            seconds: Spent in the epoch so far.
            ends_epoch: Whether an epoch has just ended.

        Raises:
            CheckpointError: It cannot be written; the older one is kept.
        """
        tally = self.tally.clone()
        self.processes.sum_(tally)
        failure = None
        if self.processes.leads:
            try:
                self.store(self._state(tally, seconds), ends_epoch=ends_epoch)
            except CheckpointError as error:
                failure = error
        self.processes.raise_together(failure, self.checkpoint_path)
        self.written = time.monotonic()

    def check_finite(self) -> None:
        """Look at all parameters and statistics.

        Raises:
            DivergenceError: One of them is not finite, in this or in another process.
        """
        wrong = find_not_finite(self.named_tensors())
        (anywhere,) = self.processes.any_of(bool(wrong))
        if anywhere:
            what = f"`{wrong[0]}`" if wrong else "a parameter of another process"
            raise self.divergence(what, self.sound_steps)
        self.sound_steps = self.step

    def divergence(self, what: str, first_step: int) -> DivergenceError:
        """Return the error that says where `what` is not finite.

        Args:
            what: A name.
            first_step: The first step of the epoch that may be at fault; the last is that before
                `step`.
        """
        last = max(self.step - 1, first_step)
        return DivergenceError(what, self.epoch, last, self._kept(), first_step)

    def explosion(self) -> ExplosionError:
        """Return the error that says since when the loss has been too high."""
        watch = self.watch
        return ExplosionError(watch.mean_loss, watch.limit, watch.since, watch.steps, self._kept())

    def _kept(self) -> Path | None:
        return self.checkpoint_path if self.checkpoint_path.exists() else None

    def _state(self, tally: Tensor, seconds: float) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [record.to_dict() for record in self.history],
            "epoch": self.epoch,
            "step": self.step,
            "tally": tally.tolist(),
            "seconds": seconds,
            **self.more_state(),
        }
