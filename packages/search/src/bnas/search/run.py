"""`Run`: the state of a training run between two steps, and how it is saved and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from attrs import define, field
from torch import Tensor, nn

from bnas.cells import NetworkSpec
from bnas.cells.nn import Network
from bnas.search.averaging import Average
from bnas.search.batches import Batches
from bnas.search.checkpoint import check_same, load_checkpoint, save_checkpoint
from bnas.search.engine import make_runner, memory_format
from bnas.search.errors import CheckpointError, DivergenceError
from bnas.search.history import EpochMetrics
from bnas.search.image_set import ImageSet, TrainingData
from bnas.search.optimizer import make_optimizer
from bnas.search.options import RunOptions
from bnas.search.origin import copy_weights, digest, load_teacher
from bnas.search.parallel import Processes
from bnas.search.recipe import Recipe

CHECKPOINT_NAME = "checkpoint.pt"
FINAL_NAME = "final.pt"

_STATE = {"identity", "model", "optimizer", "average", "history", "epoch", "step", "tally"}


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
    history: list[EpochMetrics] = field(factory=list)
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0

    @classmethod
    def start(
        cls,
        spec: NetworkSpec,
        recipe: Recipe,
        data: TrainingData,
        directory: Path,
        options: RunOptions,
        processes: Processes,
    ) -> Run:
        """Build the network with the recipe's seed, then take over a checkpoint if there is one."""
        network, device = _fresh_network(spec, recipe), processes.device
        teacher = None
        if options.teacher is not None:
            teacher = load_teacher(options.teacher, spec.num_classes, device)
        if options.initial is not None:
            copy_weights(options.initial, network)
        network.to(device, memory_format=memory_format(device))
        run = cls(
            recipe=recipe,
            options=options,
            directory=directory,
            processes=processes,
            identity=_identity(spec, recipe, data, options),
            batches=Batches(data.train.to(device), data.normalization, recipe, processes),
            holdout=data.holdout.to(device),
            network=network,
            runner=processes.wrap(make_runner(network, recipe, processes)),
            optimizer=make_optimizer(network, recipe),
            average=Average(network, recipe.average_decay) if recipe.average_decay else None,
            teacher=teacher,
            tally=torch.zeros(3, dtype=torch.float64, device=device),
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
        missing = sorted(_STATE - state.keys())
        if missing:
            raise CheckpointError(f"{path} must hold {sorted(_STATE)} (missing {missing})", path)
        try:
            found = _by_field(state["identity"])
        except (KeyError, TypeError, ValueError) as error:
            raise _strange(path, error) from error
        check_same(path, found, _by_field(self.identity))
        try:
            self._take(state)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise _strange(path, error) from error

    def _take(self, state: dict[str, Any]) -> None:
        epoch, step = state["epoch"], state["step"]
        if not 0 <= epoch <= self.recipe.epochs or not 0 <= step <= self.batches.steps_per_epoch:
            raise ValueError(f"epoch {epoch}, step {step}")
        tally = torch.tensor(state["tally"], dtype=torch.float64)
        if tally.shape != self.tally.shape:
            raise ValueError(f"a tally of {len(state['tally'])} numbers")
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.history = [EpochMetrics.from_dict(record) for record in state["history"]]
        self.epoch, self.step = epoch, step
        self.seconds = float(state.get("seconds", 0.0))
        if self.processes.leads:
            self.tally.copy_(tally)

    def save(self, seconds: float) -> None:
        """Write the checkpoint; all processes take part, the leading one writes.

        Args:
            seconds: Spent in the epoch so far.

        Raises:
            DivergenceError: A parameter is not finite; the older checkpoint is kept.
            CheckpointError: It cannot be written; the older one is kept.
        """
        tally = self.tally.clone()
        self.processes.sum_(tally)
        self._check_finite()
        if not self.processes.leads:
            return
        state = {
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
        save_checkpoint(
            self.checkpoint_path,
            state,
            compact=self.options.compact,
            part_bytes=self.options.part_bytes,
        )

    def divergence(self, what: str) -> DivergenceError:
        """Return the error that says where `what` is not finite."""
        kept = self.checkpoint_path if self.checkpoint_path.exists() else None
        return DivergenceError(what, self.epoch, self.step, kept)

    def _check_finite(self) -> None:
        named = list(self.network.named_parameters())
        finite = torch.stack([torch.isfinite(parameter).all() for _, parameter in named])
        if not finite.all():
            raise self.divergence(f"`{named[int((~finite).nonzero()[0])][0]}`")


def _fresh_network(spec: NetworkSpec, recipe: Recipe) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return Network(
            spec,
            binarize=recipe.binarize,
            official_sign=recipe.official_sign,
            official_gradient=recipe.official_gradient,
        )


def _identity(
    spec: NetworkSpec, recipe: Recipe, data: TrainingData, options: RunOptions
) -> dict[str, Any]:
    colours = data.normalization
    return {
        "spec": spec.to_json(),
        "recipe": recipe.to_dict(),
        "data": {
            "train": data.train.sha256(),
            "holdout": data.holdout.sha256(),
            "mean": list(colours.mean),
            "std": list(colours.std),
        },
        "origin": {"initial": digest(options.initial), "teacher": digest(options.teacher)},
    }


def _by_field(identity: dict[str, Any]) -> dict[str, Any]:
    return {**identity, "spec": json.loads(identity["spec"])}


def _strange(path: Path, error: Exception) -> CheckpointError:
    reason = str(error).partition("\n")[0]
    return CheckpointError(f"{path} does not hold the state of a run ({reason})", path)
