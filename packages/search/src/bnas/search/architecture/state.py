"""`SearchRun`: the state of a search between two steps, and how it is saved and resumed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from attrs import define, field
from torch import Tensor, nn

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
from bnas.search.engine import memory_format
from bnas.search.errors import CheckpointError, DivergenceError, ExplosionError
from bnas.search.image_set import ImageSet
from bnas.search.loss_watch import LossWatch
from bnas.search.optimizer import make_optimizer
from bnas.search.parallel import Processes
from bnas.search.recipe_fields import is_number
from bnas.search.rotation import load_newest, rotate
from bnas.search.saved_state import (
    check_keys,
    check_position,
    check_sums,
    check_tensors,
    find_not_finite,
    read_moments,
)

CHECKPOINT_NAME = "checkpoint.pt"
STATE = frozenset(
    {"identity", "model", "optimizer", "arch_optimizer", "history", "epoch", "step", "tally"}
)
#: Of the weights' half and of the architecture's: loss, hits and images.
TALLY = 6


@define(eq=False)
class SearchRun:
    """A search between two steps: everything that a checkpoint holds.

    Attributes:
        recipe: How to search.
        options: Device, form of the checkpoints.
        directory: Where checkpoints and results are written.
        processes: Those that search together.
        identity: Recipe and digests of the images; a checkpoint of others is refused.
        weight_batches: Of the weights' half, on the device.
        arch_batches: Of the architecture's half, on the device.
        network: The supernet, a `SearchNetwork`.
        optimizer: Of its weights.
        arch_optimizer: Of its architecture parameters.
        tally: Loss, hits and images of the epoch so far, of both halves, of this process: float64
            (6,) on the device.
        recent: Sum of the losses of both halves since the last look, float64 (2,).
        watch: Over the weights' loss.
        history: One record for every finished epoch.
        epoch: Of the next step, from 0.
        step: The next one within the epoch, from 0.
        seconds: Spent in the epoch so far, before this process started.
        resumed_from: The checkpoint that it went on from; None for a new search.
    """

    recipe: SearchRecipe
    options: SearchOptions
    directory: Path
    processes: Processes
    identity: dict[str, Any]
    weight_batches: Batches
    arch_batches: Batches
    network: Any
    optimizer: torch.optim.Optimizer
    arch_optimizer: torch.optim.Optimizer
    tally: Tensor
    recent: Tensor
    watch: LossWatch
    history: list[SearchEpoch] = field(factory=list)
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    sound_steps: int = 0
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
            optimizer=make_optimizer(network, recipe.weights_recipe, without=arch),
            arch_optimizer=torch.optim.Adam(
                arch,
                lr=recipe.arch_learning_rate,
                betas=(recipe.arch_betas[0], recipe.arch_betas[1]),
                weight_decay=recipe.arch_weight_decay,
            ),
            tally=torch.zeros(TALLY, dtype=torch.float64, device=device),
            recent=torch.zeros(2, dtype=torch.float64, device=device),
            watch=LossWatch(math.log(classes)),
        )
        run.load()
        return run

    @property
    def checkpoint_path(self) -> Path:
        """The file to go on from."""
        return self.directory / CHECKPOINT_NAME

    @property
    def device(self) -> torch.device:
        """Where everything lies."""
        return self.processes.device

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
        check_position(path, state, self.recipe.epochs, self.steps_per_epoch)
        check_sums(path, state, TALLY)
        check_tensors(path, "model", state["model"], self.network.state_dict())
        history = _read_history(path, state["history"], state["epoch"])
        moments = read_moments(path, state["optimizer"], self.optimizer)
        arch_moments = read_moments(path, state["arch_optimizer"], self.arch_optimizer)
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(moments)
        self.arch_optimizer.load_state_dict(arch_moments)
        self.history, self.epoch = history, state["epoch"]
        self.step = self.sound_steps = state["step"]
        self.seconds = float(state.get("seconds", 0.0))
        self.resumed_from = path
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

    def write(self, seconds: float, *, keep_previous: bool = False) -> None:
        """Write the checkpoint whatever it holds, as `save` does.

        Args:
            seconds: Spent in the epoch so far.
            keep_previous: Keep the one that is replaced.
        """
        tally = self.tally.clone()
        self.processes.sum_(tally)
        failure = None
        if self.processes.leads:
            try:
                if keep_previous:
                    rotate(self.checkpoint_path)
                save_checkpoint(
                    self.checkpoint_path,
                    self._state(tally, seconds),
                    part_bytes=self.options.part_bytes,
                )
            except CheckpointError as error:
                failure = error
        self.processes.raise_together(failure, self.checkpoint_path)

    def check_finite(self) -> None:
        """Look at all parameters and statistics.

        Raises:
            DivergenceError: One of them is not finite, in this or in another process.
        """
        wrong = find_not_finite(self.network.state_dict())
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
            "arch_optimizer": self.arch_optimizer.state_dict(),
            "history": [record.to_dict() for record in self.history],
            "epoch": self.epoch,
            "step": self.step,
            "tally": tally.tolist(),
            "seconds": seconds,
        }


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


def _read_history(path: Path, records: Any, epochs: int) -> list[SearchEpoch]:
    """Return the records of the finished epochs, or refuse what is none."""
    try:
        history = [SearchEpoch.from_dict(record) for record in records]
        sound = [record.epoch for record in history] == list(range(epochs))
        sound = sound and all(is_number(record.loss) for record in history)
    except TypeError:
        sound = False
    if not sound:
        raise CheckpointError(
            f"{path} is damaged: its history must be the records of {epochs} epochs; remove it to "
            "start anew, or put back a copy of it",
            path,
        )
    return history
