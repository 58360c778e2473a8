"""The steps of a run: one batch, one epoch, and what is measured after it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bnas.search.checkpoint import write_text
from bnas.search.clipping import clip_gradients_
from bnas.search.engine import autocast, memory_format, memory_guard
from bnas.search.epoch_loop import ended_epoch, run_epoch
from bnas.search.evaluate import evaluate
from bnas.search.history import EpochMetrics, StepMetrics, to_csv
from bnas.search.image_set import ImageSet
from bnas.search.objective import objective
from bnas.search.optimizer import set_schedule
from bnas.search.randomness import generator
from bnas.search.run import Run

METRICS_NAME = "metrics.csv"

#: Seconds between checkpoints at the ends of epochs of a GPU, where an epoch may take three and a
#: checkpoint half of one.
_END_INTERVAL_GPU_S = 20.0

Progress = Callable[[StepMetrics | EpochMetrics], None]


def end_checkpoint_interval_s(device: torch.device) -> float:
    """Return how old a checkpoint must be for the end of an epoch to write another, in seconds."""
    return _END_INTERVAL_GPU_S if device.type == "cuda" else 0.0


def train_epoch(run: Run, deadline: float | None, progress: Progress) -> bool:
    """Train to the end of the epoch.

    Args:
        run: Changed in place.
        deadline: Monotonic time in seconds after which to save and to stop; None for none.
        progress: Called after every look at the loss and at the end.

    Returns:
        False if the deadline came first.

    Raises:
        DivergenceError: The loss or a parameter is not finite, or the loss has exploded; the last
            good checkpoint is kept.
        OutOfMemoryError: The batch does not fit into the memory of the GPU.
    """
    order = run.batches.order(run.epoch)

    def step() -> Tensor:
        with memory_guard(run.recipe):
            return train_step(run, order)

    def end(images_per_s: float, seconds: float) -> None:
        _end_epoch(run, images_per_s, seconds, progress)

    return run_epoch(run, deadline, images=run.recipe.batch_size, step=step, show=progress, end=end)


def train_step(run: Run, order: Tensor) -> Tensor:
    """Train on the next batch of `order`, int64 (N,); returns its loss, a scalar of the device."""
    recipe, network = run.recipe, run.network
    inputs, targets, labels = run.batches.draw(order, run.epoch, run.step)
    inputs = inputs.contiguous(memory_format=memory_format(run.device))
    position = run.epoch * run.steps_per_epoch + run.step
    total_steps = recipe.epochs * run.steps_per_epoch
    set_schedule(run.optimizer, recipe, position, total_steps)
    network.project_latents_()
    if recipe.drop_path:
        _draw_drop_path(run, position / total_steps)
    if run.options.cuda_graphs:
        torch.compiler.cudagraph_mark_step_begin()  # What the last step computed may go.
    with autocast(recipe, run.device):
        logits = run.runner(inputs)
    loss = objective(
        logits,
        targets,
        _teach(run, inputs),
        label_smoothing=recipe.label_smoothing,
        distillation_weight=recipe.distillation_weight,
        temperature=recipe.distillation_temperature,
    )
    run.optimizer.zero_grad()
    loss.backward()
    if run.gradients is not None:
        run.gradients.add()
    if recipe.gradient_clip:
        clip_gradients_(network, recipe.gradient_clip)
    run.optimizer.step()
    if run.average is not None:
        run.average.update(network)
    with torch.no_grad():
        hits = (logits.argmax(dim=1) == labels).sum()
        count = len(labels)
        run.tally += torch.stack(
            [loss.double() * count, hits.double(), torch.full_like(hits, count)]
        )
        run.recent_loss += loss
    return loss.detach()


def _draw_drop_path(run: Run, passed: float) -> None:
    recipe = run.recipe
    source = generator(recipe.seed, "drop-path", run.epoch, run.step)
    network, share = run.network, run.processes.share(recipe.batch_size)
    before = network.drop_path_scales
    network.draw_drop_path_(recipe.drop_path * passed, recipe.batch_size, source)
    assert network.drop_path_scales is not None
    drawn = network.drop_path_scales[:, share]
    # In one place throughout: CUDA graphs are recorded anew where an attribute of a module moves.
    network.drop_path_scales = drawn if before is None else before.copy_(drawn)


@torch.no_grad()
def _teach(run: Run, inputs: Tensor) -> Tensor | None:
    if run.teacher is None:
        return None
    with autocast(run.recipe, run.device):
        logits: Tensor = run.teacher(inputs)
    return logits


def _end_epoch(run: Run, images_per_s: float, seconds: float, progress: Progress) -> None:
    """Measure on the held-out images, report, then write the checkpoint and the table."""
    run.check_finite()
    record = _record(run, images_per_s, seconds)
    if run.gradients is not None:
        run.gradients.end_epoch(run.epoch, run.steps_per_epoch)
    try:
        with ended_epoch(run, record, interval_s=end_checkpoint_interval_s(run.device)):
            progress(record)
    finally:
        if run.processes.leads:
            write_text(run.directory / METRICS_NAME, to_csv(run.history))
            run.write_gradients()


def _record(run: Run, images_per_s: float, seconds: float) -> EpochMetrics:
    tally = run.tally.clone()
    run.processes.sum_(tally)
    loss_sum, hits, images = tally.tolist()
    run.network.project_latents_()
    return EpochMetrics(
        epoch=run.epoch,
        side=run.recipe.side_at(run.epoch) or run.holdout.images.shape[-1],
        learning_rate=run.optimizer.param_groups[0]["lr"],
        loss=loss_sum / images,
        train_top1=100 * hits / images,
        holdout_top1=measure(run, run.holdout),
        images_per_s=images_per_s,
        seconds=seconds,
    )


def measure(run: Run, images: ImageSet) -> float:
    """Return the top-1 accuracy in percent, by the engine where that is the faster.

    Args:
        run: After a step; `run.epoch` is the one to which it belongs.
        images: On the device.
    """
    network = run.runner if run.recipe.engine == "fused" and run.average is None else run.result
    side = run.recipe.side_at(run.epoch)
    resize = run.recipe.evaluation_resize_at(run.epoch)
    return evaluate(network, images, run.batches.normalization, side=side, resize=resize).top1
