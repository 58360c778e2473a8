"""The steps of a search: the architecture, then the weights; one epoch, and what it left."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bnas.search.architecture.architect import gradients, look_ahead_gradients
from bnas.search.architecture.derive import derive, warnings_of
from bnas.search.architecture.history import SearchEpoch
from bnas.search.architecture.network import arch_list
from bnas.search.architecture.recipe import SearchRecipe
from bnas.search.architecture.state import SearchRun
from bnas.search.clipping import clip_gradients_
from bnas.search.engine import autocast, memory_format, memory_guard
from bnas.search.epoch_loop import ended_epoch, run_epoch
from bnas.search.history import StepMetrics
from bnas.search.objective import cross_entropy
from bnas.search.supernet import search_objective

SearchProgress = Callable[[StepMetrics | SearchEpoch], None]


def learning_rate_at(recipe: SearchRecipe, epoch: int) -> float:
    """Return the learning rate of the weights in an epoch: half a cosine, epoch by epoch.

    Args:
        recipe: Its two ends.
        epoch: From 0.

    References:
        Loshchilov, Hutter, "SGDR", ICLR 2017; the last epoch is one step short of the end, as in
        the authors' code.
    """
    fall = (1 + math.cos(math.pi * epoch / recipe.epochs)) / 2
    low = recipe.final_learning_rate
    return low + (recipe.learning_rate - low) * fall


def search_epoch(run: SearchRun, deadline: float | None, progress: SearchProgress) -> bool:
    """Search to the end of the epoch.

    Args:
        run: Changed in place.
        deadline: Monotonic time in seconds after which to save and to stop; None for none.
        progress: Called after every look at the losses and at the end.

    Returns:
        False if the deadline came first.

    Raises:
        DivergenceError: A loss or a parameter is not finite, or the loss has exploded; the last
            good checkpoint is kept.
        OutOfMemoryError: The batch does not fit into the memory of the GPU.
    """
    orders = (run.weight_batches.order(run.epoch), run.arch_batches.order(run.epoch))

    def step() -> Tensor:
        with memory_guard(run.recipe.weights_recipe):
            return search_step(run, orders)

    def end(images_per_s: float, seconds: float) -> None:
        run.check_finite()
        record = _record(run, images_per_s, seconds)
        with ended_epoch(run, record):
            progress(record)

    return run_epoch(
        run,
        deadline,
        images=2 * run.recipe.batch_size,
        step=step,
        show=progress,
        end=end,
        losses=("the loss", "the loss of the architecture's half"),
    )


def search_step(run: SearchRun, orders: tuple[Tensor, Tensor]) -> Tensor:
    """Move the architecture by a batch of its half, then the weights by one of theirs.

    Args:
        run: Changed in place.
        orders: Of the images of the weights' and the architecture's half, int64 (N,).

    Returns:
        The weights' loss, a scalar of the device.

    References:
        DARTS, Algorithm 1; the objective is that of ECCV 2020 BNAS, Section 4.3.
    """
    rate = learning_rate_at(run.recipe, run.epoch)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    own = run.weight_batches.draw(orders[0], run.epoch, run.step)
    other = run.arch_batches.draw(orders[1], run.epoch, run.step)
    run.network.project_latents_()
    _move_arch(run, own, other)
    run.network.project_latents_()
    loss, logits = _loss(run, own)
    for weight, grad in zip(run.weights, _averaged(run, loss, run.weights), strict=True):
        weight.grad = grad
    if run.recipe.gradient_clip:
        clip_gradients_(run.network, run.recipe.gradient_clip)
    run.optimizer.step()
    run.optimizer.zero_grad()
    _count(run, 0, loss, logits, own[2])
    return loss.detach()


_Batch = tuple[Tensor, Tensor, Tensor]


def _move_arch(run: SearchRun, own: _Batch, other: _Batch) -> None:
    recipe, arch = run.recipe, arch_list(run.network)
    seen: list[tuple[Tensor, Tensor]] = []

    def objective() -> Tensor:
        seen.append(_loss(run, other))
        return search_objective(
            seen[-1][0],
            arch[0],
            arch[1],
            run.epoch,
            weight=recipe.entropy_weight,
            decay_epochs=recipe.entropy_decay_epochs,
            official_quirks=recipe.official_quirks,
        )

    if recipe.order == 1:
        grads = _averaged(run, objective(), arch)
    else:
        optimizer = run.optimizer
        assert isinstance(optimizer, torch.optim.SGD)
        grads = look_ahead_gradients(
            objective,
            lambda: _loss(run, own)[0],
            arch,
            optimizer,
            buffers=run.network.buffers(),
            differentiate=functools.partial(_averaged, run),
        )
    for parameter, grad in zip(arch, grads, strict=True):
        parameter.grad = grad
    run.arch_optimizer.step()
    run.arch_optimizer.zero_grad()
    _count(run, 1, *seen[0], other[2])


def _averaged(run: SearchRun, loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """Return the gradients of the batch that all processes share."""
    grads = gradients(loss, parameters)
    run.processes.average_(grads)
    return grads


def _loss(run: SearchRun, batch: _Batch) -> tuple[Tensor, Tensor]:
    """Return the mean cross entropy of a batch, and its logits."""
    inputs = batch[0].contiguous(memory_format=memory_format(run.device))
    if run.options.cuda_graphs:
        torch.compiler.cudagraph_mark_step_begin()  # What the last pass computed may go.
    with autocast(run.recipe.weights_recipe, run.device):
        logits = run.runner(inputs)
    return cross_entropy(logits, batch[1]), logits


@torch.no_grad()
def _count(run: SearchRun, half: int, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
    hits = (logits.argmax(dim=1) == labels).sum()
    count = len(labels)
    sums = torch.stack([loss.double() * count, hits.double(), torch.full_like(hits, count)])
    run.tally[3 * half : 3 * half + 3] += sums
    run.recent_loss[half] += loss.detach()


def _record(run: SearchRun, images_per_s: float, seconds: float) -> SearchEpoch:
    recipe, tally = run.recipe, run.tally.clone()
    run.processes.sum_(tally)
    loss, hits, images, arch_loss, arch_hits, arch_images = tally.tolist()
    logits = run.arch_logits()
    found = derive(logits["normal"], logits["reduce"], recipe.primitives, recipe.official_quirks)
    decay = math.exp(-run.epoch / recipe.entropy_decay_epochs)
    return SearchEpoch(
        epoch=run.epoch,
        learning_rate=run.optimizer.param_groups[0]["lr"],
        loss=loss / images,
        top1=100 * hits / images,
        arch_loss=arch_loss / arch_images,
        arch_top1=100 * arch_hits / arch_images,
        entropy=found.entropy,
        entropy_coefficient=recipe.entropy_weight * decay,
        strongest=dict(found.strongest),
        mean_probability=dict(found.mean_probability),
        zeroise_edges=found.zeroise_edges,
        normal=logits["normal"],
        reduce=logits["reduce"],
        genotypes={str(gamma): each.to_dict() for gamma, each in found.genotypes.items()},
        warnings=warnings_of(found, run.epoch, recipe.epochs),
        images_per_s=images_per_s,
        seconds=seconds,
    )
