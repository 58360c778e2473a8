"""`Run`: the state of a training run between two steps, and how it is saved and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from attrs import define, field
from torch import Tensor, nn

from bnas.cells import Spec
from bnas.cells.nn import Network
from bnas.search.averaging import Average
from bnas.search.batches import Batches
from bnas.search.checkpoint import check_same, load_checkpoint, save_checkpoint, write_text
from bnas.search.conditions import sides_of
from bnas.search.engine import make_runner, memory_format
from bnas.search.gradient_history import GRADIENTS_NAME
from bnas.search.gradient_log import GradientLog
from bnas.search.history import EpochMetrics
from bnas.search.identity import by_field, identity_of
from bnas.search.image_set import ImageSet, TrainingData
from bnas.search.long_run import LongRun
from bnas.search.loss_watch import watch_of
from bnas.search.optimizer import load_moments, make_optimizer
from bnas.search.options import RunOptions
from bnas.search.origin import copy_weights, fresh_network, load_teacher
from bnas.search.parallel import Processes
from bnas.search.recipe import Recipe
from bnas.search.saved_state import (
    check_keys,
    check_position,
    check_sums,
    check_tensors,
    read_history,
    read_moments,
)

FINAL_NAME = "final.pt"


@define(eq=False, kw_only=True)
class Run(LongRun):
    """A training run between two steps: everything that a checkpoint holds.

    Attributes:
        recipe: How to train.
        options: Device, origin of the weights, form of the checkpoints.
        batches: Of the training images, on the device.
        holdout: Held-out images, on the device.
        network: The network itself, whose state is saved.
        runner: What runs: `network`, or a faster form of it with the same parameters.
        average: Moving average of the weights; None for none.
        teacher: In evaluation mode; None for none.
        gradients: Sums of |gradient|; None where they neither are nor were wanted.

    The others are those of `bnas.search.long_run.LongRun`: `identity` is that of network,
    recipe, digests of data and origins; `tally` is loss, hits and images; `recent_loss` is a
    scalar.
    """

    recipe: Recipe
    options: RunOptions
    batches: Batches
    holdout: ImageSet
    network: Network
    runner: nn.Module
    average: Average | None
    teacher: Network | None
    gradients: GradientLog | None = None
    history: list[EpochMetrics] = field(factory=list)

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
        # torch declares no `memory_format` for modules.
        network.to(device, memory_format=memory_format(device))  # type: ignore[call-overload]
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
            gradients=GradientLog(network) if options.gradient_log else None,
            tally=torch.zeros(3, dtype=torch.float64, device=device),
            recent_loss=torch.zeros((), dtype=torch.float64, device=device),
            watch=watch_of(recipe, len(data.train.classes)),
        )
        if run.checkpoint_path.exists():
            run.load()
        return run

    @property
    def final_path(self) -> Path:
        """The file of the finished network."""
        return self.directory / FINAL_NAME

    @property
    def epochs(self) -> int:
        """Those of the recipe."""
        return self.recipe.epochs

    @property
    def steps_per_epoch(self) -> int:
        """Batches of every epoch."""
        return self.batches.steps_per_epoch

    @property
    def training(self) -> nn.Module:
        """What runs."""
        return self.runner

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
        check_position(path, state, self.epochs, self.steps_per_epoch)
        check_sums(path, state)
        history = read_history(path, state["history"], state["epoch"], EpochMetrics)
        check_tensors(path, "model", state["model"], self.network.state_dict())
        if self.average is not None:
            check_tensors(path, "average", state["average"], self.average.state_dict())
        gradients = self._read_gradients(path, state)
        moments = read_moments(path, state["optimizer"], self.optimizer)
        self.network.load_state_dict(state["model"])
        load_moments(self.optimizer, moments)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.gradients = gradients
        self.take_over(state, history)

    def store(self, state: dict[str, Any], *, ends_epoch: bool) -> None:
        """Write a checkpoint in the form that is wanted, in place of the older one."""
        save_checkpoint(
            self.checkpoint_path,
            state,
            compact=self.options.compact,
            part_bytes=self.options.part_bytes,
        )

    def more_state(self) -> dict[str, Any]:
        """Return the average, and the sums of |gradient| if there are any."""
        gradients = {} if self.gradients is None else {"gradients": self.gradients.state_dict()}
        average = None if self.average is None else self.average.state_dict()
        return {"average": average, **gradients}

    def write_gradients(self) -> None:
        """Write ``gradients.csv`` if it is wanted; to be called in the leading process.

        Raises:
            CheckpointError: It cannot be written; the older one is kept.
        """
        if self.gradients is not None and self.gradients.active:
            write_text(self.directory / GRADIENTS_NAME, self.gradients.history.to_csv())

    def named_tensors(self) -> Mapping[str, Tensor]:
        """Return parameters and statistics, those of the average too."""
        averaged = {} if self.average is None else self.average.named_tensors()
        return {**self.network.state_dict(), **averaged}

    def _read_gradients(self, path: Path, state: dict[str, Any]) -> GradientLog | None:
        """Return the sums of |gradient| of a checkpoint: an older one, or a run without, has none.

        Raises:
            CheckpointError: They are damaged.
        """
        if "gradients" not in state:
            return self.gradients
        log = GradientLog(self.network, active=self.options.gradient_log)
        log.check(path, state["gradients"], state["epoch"], state["step"])
        log.load_state_dict(state["gradients"])
        return log
