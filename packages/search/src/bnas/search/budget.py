"""`fit_to_budget`: how many epochs a time budget allows, measured on this machine."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import attrs
import torch

from bnas.cells import NetworkSpec
from bnas.search.checkpoint import load_checkpoint
from bnas.search.engine import choose_device
from bnas.search.epoch import train_step
from bnas.search.evaluate import evaluate
from bnas.search.image_set import TrainingData
from bnas.search.options import RunOptions
from bnas.search.parallel import Processes, join
from bnas.search.recipe import Recipe
from bnas.search.run import CHECKPOINT_NAME, Run

#: Steps that are not timed: compilation, caches, the choice of convolution algorithms.
_WARM_UP_STEPS = 3
#: Timed steps; the median counts.
_TIMED_STEPS = 8
#: Share of the budget that epochs may take; the rest is start-up, checkpoints, and luck.
_USED_FRACTION = 0.92


def fit_to_budget(
    spec: NetworkSpec,
    recipe: Recipe,
    data: TrainingData,
    out_dir: str | Path,
    budget_s: float,
    options: RunOptions | None = None,
) -> Recipe:
    """Return the recipe with as many epochs as fit into a time budget.

    A run that lies in `out_dir` already keeps its number of epochs: its schedule must not change.

    Args:
        spec: The network.
        recipe: How to train; its own number of epochs does not count, its stages keep their shares.
        data: What to train on.
        out_dir: Directory of the run.
        budget_s: Seconds for the whole run.
        options: As for `train`.

    Raises:
        CheckpointError: `out_dir` holds a damaged checkpoint.
        RecipeError: The device is not to be had.
    """
    checkpoint = Path(out_dir) / CHECKPOINT_NAME
    if checkpoint.exists():
        identity = load_checkpoint(checkpoint)["identity"]
        return attrs.evolve(recipe, epochs=identity["recipe"]["epochs"])
    options = options or RunOptions()
    processes = join(choose_device(options.device, recipe))
    seconds = _seconds_per_epoch(spec, recipe, data, options, processes)
    epochs = processes.agree(max(1, int(_USED_FRACTION * budget_s / seconds)))
    return attrs.evolve(recipe, epochs=epochs)


def _seconds_per_epoch(
    spec: NetworkSpec,
    recipe: Recipe,
    data: TrainingData,
    options: RunOptions,
    processes: Processes,
) -> float:
    """Return the mean over the stages of the recipe, weighted by their shares."""
    shares = recipe.resolutions or ((1.0, int(data.train.images.shape[-1])),)
    with tempfile.TemporaryDirectory() as directory:
        total = 0.0
        for share, side in shares:
            stage = attrs.evolve(recipe, epochs=1, resolutions=((1.0, side),), evaluation_resize=0)
            run = Run.start(spec, stage, data, Path(directory), options, processes)
            total += share * _epoch_seconds(run)
    return total


def _epoch_seconds(run: Run) -> float:
    run.runner.train()
    order = run.batches.order(0)
    times = []
    for _ in range(_WARM_UP_STEPS + _TIMED_STEPS):
        begun = time.perf_counter()
        train_step(run, order)
        _wait(run.device)
        times.append(time.perf_counter() - begun)
    step = sorted(times[_WARM_UP_STEPS:])[_TIMED_STEPS // 2]
    begun = time.perf_counter()
    side = run.recipe.side_at(0)
    evaluate(run.runner, run.holdout.take(_first(run)), run.batches.normalization, side=side)
    per_image = (time.perf_counter() - begun) / len(_first(run))
    return step * run.batches.steps_per_epoch + per_image * len(run.holdout)


def _first(run: Run) -> torch.Tensor:
    count = min(len(run.holdout), 2 * run.recipe.batch_size)
    return torch.arange(count, device=run.device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
