"""`fit_to_budget`: how many epochs a time budget allows, measured on this machine."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import torch

from bnas.cells import Spec
from bnas.search.checkpoint import load_checkpoint
from bnas.search.conditions import check_conditions
from bnas.search.device import choose_device
from bnas.search.engine import check_cuda_graphs, memory_guard
from bnas.search.epoch import end_checkpoint_interval_s, measure, train_step
from bnas.search.epoch_loop import CHECKPOINT_INTERVAL_S
from bnas.search.errors import RecipeError
from bnas.search.identity import recipe_of
from bnas.search.image_set import TrainingData
from bnas.search.long_run import CHECKPOINT_NAME
from bnas.search.options import RunOptions
from bnas.search.parallel import Processes, join
from bnas.search.recipe import Recipe
from bnas.search.recipe_fields import is_number
from bnas.search.run import Run

#: Steps that are not timed: compilation, caches, the choice of convolution algorithms.
_WARM_UP_STEPS = 3
#: Timed steps of a CPU, whose median counts; and of a GPU, which are timed together.
_TIMED_STEPS, _GPU_STEPS = 8, 40
#: Share of the budget that epochs may take; the rest is start-up, the final file, and luck.
_USED_FRACTION = 0.92
#: Epochs of the recipe that is measured: enough for every stage to have one.
_MEASURED_EPOCHS = 1000


def fit_to_budget(
    spec: Spec,
    recipe: Recipe,
    data: TrainingData,
    out_dir: str | Path,
    budget_s: float,
    options: RunOptions | None = None,
) -> Recipe:
    """Return the recipe with as many epochs as fit into a time budget.

    A run that lies in `out_dir` already keeps its number of epochs: its schedule must not change.
    Under ``torchrun`` all processes measure, and the leading one's measurement counts.

    Args:
        spec: The network.
        recipe: How to train; its own number of epochs does not count, its stages keep their shares.
        data: What to train on.
        out_dir: Directory of the run; nothing is written there.
        budget_s: Seconds for the whole run, > 0; what measuring takes counts too.
        options: As for `train`.

    Raises:
        CheckpointError: `out_dir` holds a damaged checkpoint, or `options` names one that does not
            serve.
        DataError: As for `train`.
        OutOfMemoryError: The batch does not fit into the memory of the GPU.
        RecipeError: As for `train`, or not one epoch fits into the budget.
    """
    begun = time.perf_counter()
    options = options or RunOptions()
    if not (is_number(budget_s) and budget_s > 0):
        raise RecipeError(f"`budget_s` must be a number of seconds > 0 (got {budget_s!r})")
    check_conditions(spec, recipe, data, options)
    processes = join(choose_device(options.device, recipe))
    processes.share(recipe.batch_size)
    check_cuda_graphs(options.cuda_graphs, recipe, processes)
    checkpoint = Path(out_dir) / CHECKPOINT_NAME
    if checkpoint.exists():
        identity = load_checkpoint(checkpoint).get("identity")
        return attrs.evolve(recipe, epochs=recipe_of(checkpoint, identity).epochs)
    # In microseconds, since processes agree on integers; all raise the same error then.
    found = _seconds_per_epoch(spec, recipe, data, options, processes)
    seconds = processes.agree(math.ceil(1e6 * found)) / 1e6
    # Of the budget too: on a GPU the first compilation takes minutes, which the run is spared then.
    spent = processes.agree(math.ceil(1e6 * (time.perf_counter() - begun))) / 1e6
    epochs = int(_USED_FRACTION * (budget_s - spent) / seconds)
    if epochs < 1:
        raise RecipeError(
            f"`budget_s` must be at least {_shown(spent + seconds / _USED_FRACTION)} seconds: one "
            f"epoch takes {_shown(seconds)} here, and to measure that {_shown(spent)} "
            f"(got {budget_s:g})"
        )
    return attrs.evolve(recipe, epochs=epochs)


def _shown(seconds: float) -> str:
    return f"{seconds:.3g}" if seconds < 100 else str(math.ceil(seconds))


def _seconds_per_epoch(
    spec: Spec,
    recipe: Recipe,
    data: TrainingData,
    options: RunOptions,
    processes: Processes,
) -> float:
    """Return the mean over the stages of the recipe, weighted by their shares."""
    recipe = attrs.evolve(recipe, epochs=_MEASURED_EPOCHS)
    starts = _first_epochs(recipe)
    with tempfile.TemporaryDirectory() as directory:
        run = Run.start(spec, recipe, data, Path(directory), options, processes)
        total = 0.0
        for start, end in zip(starts, [*starts[1:], recipe.epochs], strict=True):
            run.epoch = start
            total += (end - start) / recipe.epochs * _epoch_seconds(run)
        saving = _seconds(run.device, lambda: run.write(0.0))
    # One at the end of an epoch, on a GPU of some, and those in between.
    ends = total / max(total, end_checkpoint_interval_s(processes.device))
    return total + saving * (ends + total / CHECKPOINT_INTERVAL_S)


def _first_epochs(recipe: Recipe) -> list[int]:
    """Return the first epoch of each stage."""
    sides = [recipe.side_at(epoch) for epoch in range(recipe.epochs)]
    return [
        epoch for epoch in range(recipe.epochs) if not epoch or sides[epoch] != sides[epoch - 1]
    ]


def _epoch_seconds(run: Run) -> float:
    """Return what an epoch takes at the size of images of `run.epoch`, without checkpoints."""
    order = run.batches.order(run.epoch)
    run.runner.train()

    def step() -> None:
        with memory_guard(run.recipe):
            train_step(run, order)

    def steps() -> None:
        for _ in range(_GPU_STEPS):
            step()

    for _ in range(_WARM_UP_STEPS):
        _seconds(run.device, step)
    if run.device.type == "cuda":
        # Together: while a GPU computes one step, its host prepares the next.
        each = _seconds(run.device, steps) / _GPU_STEPS
    else:
        each = statistics.median(_seconds(run.device, step) for _ in range(_TIMED_STEPS))
    return each * run.batches.steps_per_epoch + _measuring_seconds(run)


def _measuring_seconds(run: Run) -> float:
    """Return what the measurement at the end of an epoch takes."""
    preparing = _seconds(run.device, lambda: run.result)  # Of an average, a projected copy.
    count = min(len(run.holdout), 2 * run.recipe.batch_size)
    images = run.holdout.take(torch.arange(count, device=run.device))
    measure(run, images)  # Not timed, as the first steps are not.
    per_image = _seconds(run.device, lambda: measure(run, images)) / count
    return preparing + per_image * len(run.holdout)


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun
