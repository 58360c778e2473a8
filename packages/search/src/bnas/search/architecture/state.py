"""`SearchRun`: the state of a search between two steps, and how it is saved and resumed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from attrs import define, field
from torch import nn

from bnas.cells import Normalization
from bnas.search.architecture.history import SearchEpoch
from bnas.search.architecture.network import (
    KINDS,
    Build,
    arch_list,
    fresh_supernet,
)
from bnas.search.architecture.options import SearchOptions
from bnas.search.architecture.recipe import SearchRecipe
from bnas.search.batches import Batches
from bnas.search.checkpoint import check_same, save_checkpoint
from bnas.search.engine import make_runner, memory_format
from bnas.search.image_set import ImageSet
from bnas.search.long_run import LongRun
from bnas.search.loss_watch import LossWatch
from bnas.search.optimizer import load_moments, make_optimizer
from bnas.search.parallel import Processes
from bnas.search.rotation import load_newest, rotate
from bnas.search.saved_state import (
    check_keys,
    check_position,
    check_sums,
    check_tensors,
    read_history,
    read_moments,
)

STATE = frozenset(
    {"identity", "model", "optimizer", "arch_optimizer", "history", "epoch", "step", "tally"}
)
#: Of the weights' half and of the architecture's: loss, hits and images.
TALLY = 6


@define(eq=False, kw_only=True)
class SearchRun(LongRun):
    """A search between two steps: everything that a checkpoint holds.

    Attributes:
        recipe: How to search.
        options: Device, form of the checkpoints.
        weight_batches: Of the weights' half, on the device.
        arch_batches: Of the architecture's half, on the device.
        runner: What runs: `network`, or its compiled form with the same parameters.
        arch_optimizer: Of the supernet's architecture parameters.
        resumed_from: The checkpoint that it went on from; None for a new search.

    The others are those of `bnas.search.long_run.LongRun`: `network` is a `SearchNetwork`,
    `identity` that of recipe and images; `tally` is loss, hits and images of the weights' half,
    then of the architecture's; `recent_loss` has a number for each half, (2,).
    """

    recipe: SearchRecipe
    options: SearchOptions
    weight_batches: Batches
    arch_batches: Batches
    runner: nn.Module
    arch_optimizer: torch.optim.Optimizer
    history: list[SearchEpoch] = field(factory=list)
    resumed_from: Path | None = None

    @classmethod
    def start(
        cls,
        recipe: SearchRecipe,
        halves: tuple[ImageSet, ImageSet],
        normalization: Normalization,
        directory: Path,
        options: SearchOptions,
        processes: Processes,
        build: Build,
    ) -> SearchRun:
        """Build the supernet with the recipe's seed, then take over a checkpoint if there is one.

        Args:
            recipe: How to search.
            halves: Images for the weights and for the architecture.
            normalization: Statistics of the images.
            directory: Where checkpoints are.
            options: Of this start.
            processes: Those that search together.
            build: Makes the supernet.

        Raises:
            CheckpointError: The checkpoint is damaged, or of another search.
        """
        device = processes.device
        classes = len(halves[0].classes)
        network = fresh_supernet(build, recipe, classes)
        network.to(device, memory_format=memory_format(device))
        processes.join_statistics(network)
        arch = arch_list(network)
        batches = [
            Batches(half.to(device), normalization, part, processes)
            for half, part in zip(halves, (recipe.weights_recipe, recipe.arch_recipe), strict=True)
        ]
        run = cls(
            recipe=recipe,
            options=options,
            directory=directory,
            processes=processes,
            identity=_identity(recipe, halves, normalization),
            weight_batches=batches[0],
            arch_batches=batches[1],
            network=network,
            runner=make_runner(network, recipe.weights_recipe, processes, options.cuda_graphs),
            optimizer=make_optimizer(network, recipe.weights_recipe, without=arch),
            arch_optimizer=torch.optim.Adam(
                arch,
                lr=recipe.arch_learning_rate,
                betas=(recipe.arch_betas[0], recipe.arch_betas[1]),
                weight_decay=recipe.arch_weight_decay,
            ),
            tally=torch.zeros(TALLY, dtype=torch.float64, device=device),
            recent_loss=torch.zeros(2, dtype=torch.float64, device=device),
            watch=LossWatch(math.log(classes)),
        )
        run.load()
        return run

    @property
    def epochs(self) -> int:
        """Those of the recipe."""
        return self.recipe.epochs

    @property
    def training(self) -> nn.Module:
        """The supernet."""
        supernet: nn.Module = self.network
        return supernet

    @property
    def steps_per_epoch(self) -> int:
        """Steps of every epoch, each on a batch of either half."""
        return min(self.weight_batches.steps_per_epoch, self.arch_batches.steps_per_epoch)

    @property
    def weights(self) -> list[nn.Parameter]:
        """The parameters that are no architecture parameters, in the order of the optimizer."""
        return [each for group in self.optimizer.param_groups for each in group["params"]]

    def arch_logits(self) -> dict[str, list[list[float]]]:
        """Return the architecture parameters of both cells as lists, (14, P) each."""
        arch = self.network.arch_parameters
        return {kind: arch[kind].detach().cpu().tolist() for kind in KINDS}

    def load(self) -> None:
        """Take over the newest checkpoint that can be read, if there is one.

        Raises:
            CheckpointError: None can be read, or it is of another search.
        """
        found = load_newest(self.checkpoint_path)
        if found is None:
            return
        state, path = found
        check_same(path, _by_name(state.get("identity")), self.identity)
        check_keys(path, state, STATE)
        check_position(path, state, self.epochs, self.steps_per_epoch)
        check_sums(path, state, TALLY)
        check_tensors(path, "model", state["model"], self.network.state_dict())
        history = read_history(path, state["history"], state["epoch"], SearchEpoch)
        moments = read_moments(path, state["optimizer"], self.optimizer)
        arch_moments = read_moments(path, state["arch_optimizer"], self.arch_optimizer)
        self.network.load_state_dict(state["model"])
        load_moments(self.optimizer, moments)
        load_moments(self.arch_optimizer, arch_moments)
        self.resumed_from = path
        self.take_over(state, history)

    def store(self, state: dict[str, Any], *, ends_epoch: bool) -> None:
        """Write a checkpoint; the one that ended the epoch before is kept beside it."""
        if ends_epoch:
            rotate(self.checkpoint_path)
        save_checkpoint(self.checkpoint_path, state, part_bytes=self.options.part_bytes)

    def more_state(self) -> dict[str, Any]:
        """Return the state of the architecture's optimizer."""
        return {"arch_optimizer": self.arch_optimizer.state_dict()}


def _identity(
    recipe: SearchRecipe, halves: tuple[ImageSet, ImageSet], normalization: Normalization
) -> dict[str, Any]:
    return {
        "run": "search",
        "recipe": recipe.to_dict(),
        "data": {
            "weights": halves[0].sha256(),
            "architecture": halves[1].sha256(),
            "mean": list(normalization.mean),
            "std": list(normalization.std),
        },
    }


def _by_name(identity: Any) -> dict[str, Any]:
    return identity if isinstance(identity, dict) else {"run": "something else"}
