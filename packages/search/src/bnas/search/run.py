"""`Run`: the state of a training run between two steps, and how it is saved and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from attrs import define, field
from torch import Tensor, nn

from bnas.cells import Spec
from bnas.cells.nn import Network
from bnas.search.averaging import Average
from bnas.search.batches import Batches
from bnas.search.checkpoint import check_same, load_checkpoint, save_checkpoint
from bnas.search.conditions import sides_of
from bnas.search.engine import make_runner, memory_format
from bnas.search.errors import CheckpointError, DivergenceError, ExplosionError
from bnas.search.history import EpochMetrics
from bnas.search.identity import by_field, identity_of
from bnas.search.image_set import ImageSet, TrainingData
from bnas.search.loss_watch import LossWatch, watch_of
from bnas.search.optimizer import make_optimizer
from bnas.search.options import RunOptions
from bnas.search.origin import copy_weights, fresh_network, load_teacher
from bnas.search.parallel import Processes
from bnas.search.recipe import Recipe
from bnas.search.saved_state import (
    check_keys,
    check_position,
    check_sums,
    check_tensors,
    find_not_finite,
    read_history,
    read_moments,
)

CHECKPOINT_NAME = "checkpoint.pt"
FINAL_NAME = "final.pt"


@define(eq=False)
class Run:
    """A run between two steps: everything that a checkpoint holds.

    Attributes:
        recipe: How to train.
        options: Device, origin of the weights, form of the checkpoints.
        directory: Where the checkpoint and the metrics are written.
        processes: Those that train together.
        identity: Network, recipe, digests of data and origins; a checkpoint of others is refused.
        batches: Of the training images, on the device.
        holdout: Held-out images, on the device.
        network: The network itself, whose state is saved.
        runner: What runs: `network`, or a faster form of it with the same parameters.
        optimizer: Of the parameters of `network`.
        average: Moving average of the weights; None for none.
        teacher: In evaluation mode; None for none.
        history: One record for every finished epoch.
        epoch: Of the next step, from 0.
        step: The next one within the epoch, from 0.
        tally: Loss, hits and images of the epoch so far, of this process: float64 (3,) on the
            device, so that adding to it waits for nothing.
        seconds: Spent in the epoch so far, before this process started.
        recent_loss: Sum of the losses of the steps since the last look at them, of this process:
            float64 scalar on the device. No difference of tallies, in which what is small would be
            lost after something huge.
        watch: Over the loss; no checkpoint holds it, since none is written while it is not calm.
        sound_steps: Steps of the epoch after which every number is known to have been finite.
    """

    recipe: Recipe
    options: RunOptions
    directory: Path
    processes: Processes
    identity: dict[str, Any]
    batches: Batches
    holdout: ImageSet
    network: Network
    runner: nn.Module
    optimizer: torch.optim.Optimizer
    average: Average | None
    teacher: Network | None
    tally: Tensor
    recent_loss: Tensor
    watch: LossWatch
    history: list[EpochMetrics] = field(factory=list)
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    sound_steps: int = 0

    @classmethod
    def start(
        cls,
        spec: Spec,
        recipe: Recipe,
        data: TrainingData,
        directory: Path,
        options: RunOptions,
        processes: Processes,
    ) -> Run:
        """Build the network with the recipe's seed, then take over a checkpoint if there is one."""
        network, device = fresh_network(spec, recipe), processes.device
        teacher = None
        if options.teacher is not None:
            teacher = load_teacher(options.teacher, data, sides_of(recipe, data), device)
        if options.initial is not None:
            copy_weights(options.initial, network, data)
        network.to(device, memory_format=memory_format(device))
        run = cls(
            recipe=recipe,
            options=options,
            directory=directory,
            processes=processes,
            identity=identity_of(spec, recipe, data, options),
            batches=Batches(data.train.to(device), data.normalization, recipe, processes),
            holdout=data.holdout.to(device),
            network=network,
            runner=processes.wrap(make_runner(network, recipe, processes, options.cuda_graphs)),
            optimizer=make_optimizer(network, recipe),
            average=Average(network, recipe.average_decay) if recipe.average_decay else None,
            teacher=teacher,
            tally=torch.zeros(3, dtype=torch.float64, device=device),
            recent_loss=torch.zeros((), dtype=torch.float64, device=device),
            watch=watch_of(recipe, len(data.train.classes)),
        )
        if run.checkpoint_path.exists():
            run.load()
        return run

    @property
    def checkpoint_path(self) -> Path:
        """The file to go on from."""
        return self.directory / CHECKPOINT_NAME

    @property
    def final_path(self) -> Path:
        """The file of the finished network."""
        return self.directory / FINAL_NAME

    @property
    def device(self) -> torch.device:
        """Where everything lies."""
        return self.processes.device

    @property
    def result(self) -> Network:
        """The network that is measured and kept: the average, if there is one."""
        return self.network if self.average is None else self.average.network

    def load(self) -> None:
        """Take over the state of the checkpoint.

        Raises:
            CheckpointError: It is damaged, or of another configuration.
        """
        path = self.checkpoint_path
        state = load_checkpoint(path)
        check_keys(path, state)
        found = by_field(path, state["identity"])
        check_same(path, found, by_field(path, self.identity))
        check_position(path, state, self.recipe.epochs, self.batches.steps_per_epoch)
        check_sums(path, state)
        history = read_history(path, state["history"], state["epoch"])
        check_tensors(path, "model", state["model"], self.network.state_dict())
        if self.average is not None:
            check_tensors(path, "average", state["average"], self.average.state_dict())
        moments = read_moments(path, state["optimizer"], self.optimizer)
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(moments)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
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

    def write(self, seconds: float) -> None:
        """Write the checkpoint whatever it holds, as `save` does."""
        tally = self.tally.clone()
        self.processes.sum_(tally)
        failure = None
        if self.processes.leads:
            try:
                save_checkpoint(
                    self.checkpoint_path,
                    self._state(tally, seconds),
                    compact=self.options.compact,
                    part_bytes=self.options.part_bytes,
                )
            except CheckpointError as error:
                failure = error
        self.processes.raise_together(failure, self.checkpoint_path)

    def check_finite(self) -> None:
        """Look at all parameters and statistics, those of the average too.

        Raises:
            DivergenceError: One of them is not finite, in this or in another process.
        """
        named = dict(self.network.state_dict())
        if self.average is not None:
            named.update(self.average.named_tensors())
        wrong = find_not_finite(named)
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
        return DivergenceError(what, self.epoch, self.step - 1, self._kept(), first_step)

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
            "average": None if self.average is None else self.average.state_dict(),
            "history": [record.to_dict() for record in self.history],
            "epoch": self.epoch,
            "step": self.step,
            "tally": tally.tolist(),
            "seconds": seconds,
        }
