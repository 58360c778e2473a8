"""`Run`: the state of a training run between two steps, and the steps themselves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from attrs import define
from torch import Tensor, nn

from bnas.cells import NetworkSpec
from bnas.cells.nn import Network
from bnas.search.checkpoint import check_same, load_checkpoint, save_checkpoint, write_text
from bnas.search.data import ImageSet, TrainingData, augment, generator, prepare
from bnas.search.errors import CheckpointError, DivergenceError
from bnas.search.evaluate import Accuracy, evaluate
from bnas.search.history import EpochMetrics, StepMetrics, to_csv
from bnas.search.optimizer import make_optimizer, set_schedule
from bnas.search.recipe import Recipe
from bnas.search.rounding import round_real_parameters_

CHECKPOINT_NAME = "checkpoint.pt"
FINAL_NAME = "final.pt"
METRICS_NAME = "metrics.csv"
#: Seconds between checkpoints within an epoch; one of BNAS-Mini takes about 0.1 s to write.
CHECKPOINT_INTERVAL_S = 120.0

_STATE = {"identity", "model", "optimizer", "history", "epoch", "step", "loss_sum", "hits"}

Progress = Callable[[StepMetrics | EpochMetrics], None]


@define(eq=False)
class Run:
    """A run between two steps: everything that a checkpoint holds.

    Attributes:
        recipe: How to train.
        data: Training and held-out images.
        directory: Where the checkpoint and the metrics are written.
        identity: Network, recipe and digests of the data; a checkpoint of others is refused.
        network: The network itself, whose state is saved.
        compiled: What runs in training: `network`, or its compiled form with the same parameters.
        optimizer: Of the parameters of `network`.
        history: One record for every finished epoch.
        epoch: Of the next step, from 0.
        step: The next one within the epoch, from 0.
        loss_sum: Over the steps of the epoch so far.
        hits: Images of the epoch so far whose largest logit was that of their label.
    """

    recipe: Recipe
    data: TrainingData
    directory: Path
    identity: dict[str, Any]
    network: Network
    compiled: nn.Module
    optimizer: torch.optim.Optimizer
    history: list[EpochMetrics]
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    hits: int = 0

    @classmethod
    def start(cls, spec: NetworkSpec, recipe: Recipe, data: TrainingData, directory: Path) -> Run:
        """Build the network with the recipe's seed, then take over a checkpoint if there is one."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network = Network(
                spec,
                official_sign=recipe.official_sign,
                official_gradient=recipe.official_gradient,
            )
        identity = {
            "spec": spec.to_json(),
            "recipe": recipe.to_dict(),
            "data": {"train": data.train.sha256(), "holdout": data.holdout.sha256()},
        }
        # Static shapes: a stage of another side compiles anew instead of sharing slower code.
        compiled = torch.compile(network, dynamic=False) if recipe.compile else network
        optimizer = make_optimizer(network, recipe)
        run = cls(recipe, data, directory, identity, network, compiled, optimizer, [])
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
    def steps_per_epoch(self) -> int:
        """Steps of every epoch."""
        return len(self.data.train) // self.recipe.batch_size

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
        check_same(path, _by_field(state["identity"]), _by_field(self.identity))
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [EpochMetrics(**record) for record in state["history"]]
        self.epoch, self.step = state["epoch"], state["step"]
        self.loss_sum, self.hits = state["loss_sum"], state["hits"]

    def save(self) -> None:
        """Write the checkpoint.

        Raises:
            DivergenceError: A parameter is not finite; the older checkpoint is kept.
        """
        for name, parameter in self.network.named_parameters():
            if not torch.isfinite(parameter).all():
                raise self.divergence(f"`{name}`")
        state = {
            "identity": self.identity,
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [record.to_dict() for record in self.history],
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "hits": self.hits,
        }
        save_checkpoint(self.checkpoint_path, state)

    def divergence(self, what: str) -> DivergenceError:
        """Return the error that says where `what` is not finite."""
        kept = self.checkpoint_path if self.checkpoint_path.exists() else None
        return DivergenceError(what, self.epoch, self.step, kept)

    def train_epoch(self, deadline: float | None, progress: Progress) -> bool:
        """Train to the end of the epoch; returns False if the deadline came first."""
        recipe, steps = self.recipe, self.steps_per_epoch
        order = torch.randperm(
            len(self.data.train), generator=generator(recipe.seed, "order", self.epoch)
        )
        self.network.train()
        begun = saved = time.monotonic()
        first = self.step
        while self.step < steps:
            before = time.monotonic()
            indices = order[self.step * recipe.batch_size :][: recipe.batch_size]
            loss = self.train_step(self.data.train, indices)
            now = time.monotonic()
            self.step += 1
            progress(
                StepMetrics(
                    epoch=self.epoch,
                    step=self.step - 1,
                    steps_per_epoch=steps,
                    learning_rate=self.optimizer.param_groups[0]["lr"],
                    loss=loss,
                    images_per_s=recipe.batch_size / max(now - before, 1e-9),
                )
            )
            late = deadline is not None and now > deadline
            if late or now - saved > CHECKPOINT_INTERVAL_S:
                self.save()
                saved = now
            if late:
                return False
        images = (steps - first) * recipe.batch_size
        self.end_epoch(images / max(time.monotonic() - begun, 1e-9), progress)
        return True

    def train_step(self, images: ImageSet, indices: Tensor) -> float:
        """Train on one batch, the images at int64 `indices` (N,); returns its loss.

        Raises:
            DivergenceError: The loss is not finite.
        """
        recipe = self.recipe
        source = generator(recipe.seed, "augment", self.epoch, self.step)
        batch = augment(
            images.images[indices], source, crop_padding=recipe.crop_padding, flip=recipe.flip
        )
        inputs = prepare(batch, self.data.normalization, recipe.side_at(self.epoch))
        labels = images.labels[indices]
        steps = self.steps_per_epoch
        position = self.epoch * steps + self.step
        set_schedule(self.optimizer, recipe, position, recipe.epochs * steps)
        self.network.project_latents_()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits = self.compiled(inputs)
        logits = logits.float()
        loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        value = loss.item()
        if not torch.isfinite(loss):
            raise self.divergence("the loss")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.loss_sum += value
        self.hits += int((logits.argmax(dim=1) == labels).sum())
        return value

    def end_epoch(self, images_per_s: float, progress: Progress) -> None:
        """Measure on the held-out images, then write the record and the checkpoint."""
        side, steps = self.recipe.side_at(self.epoch), self.steps_per_epoch
        self.network.project_latents_()
        accuracy = evaluate(self.network, self.data.holdout, self.data.normalization, side=side)
        record = EpochMetrics(
            epoch=self.epoch,
            side=side or self.data.train.images.shape[-1],
            learning_rate=self.optimizer.param_groups[0]["lr"],
            loss=self.loss_sum / steps,
            train_top1=100 * self.hits / (steps * self.recipe.batch_size),
            holdout_top1=accuracy.top1,
            images_per_s=images_per_s,
        )
        self.history.append(record)
        self.epoch, self.step, self.loss_sum, self.hits = self.epoch + 1, 0, 0.0, 0
        self.save()
        write_text(self.directory / METRICS_NAME, to_csv(self.history))
        progress(record)

    def finish(self) -> Accuracy:
        """Round to what a packed file stores, measure that, and write the final file."""
        self.network.eval()
        round_real_parameters_(self.network)
        side = self.recipe.side_at(self.recipe.epochs - 1)
        normalization = self.data.normalization
        holdout = evaluate(self.network, self.data.holdout, normalization, side=side)
        state = {
            **self.identity,
            "model": self.network.state_dict(),
            "history": [record.to_dict() for record in self.history],
            "normalization": {"mean": list(normalization.mean), "std": list(normalization.std)},
            "classes": list(self.data.train.classes),
            "holdout_top1": holdout.top1,
            "holdout_images": holdout.images,
        }
        save_checkpoint(self.final_path, state)
        return holdout


def _by_field(identity: dict[str, Any]) -> dict[str, Any]:
    return {**identity, "spec": json.loads(identity["spec"])}
