"""`train`: the training loop, which can be killed at any moment and resumed bit for bit."""

from __future__ import annotations

import time
from pathlib import Path

from attrs import frozen

from bnas.cells import GraphError, NetworkSpec
from bnas.cells.nn import Network
from bnas.search.data import TrainingData
from bnas.search.errors import DataError, RecipeError
from bnas.search.evaluate import Accuracy
from bnas.search.history import EpochMetrics, StepMetrics
from bnas.search.recipe import Recipe
from bnas.search.run import Progress, Run


@frozen(eq=False)
class TrainResult:
    """What `train` returns.

    Attributes:
        network: In evaluation mode; rounded to what a packed file stores if `completed`.
        history: One record an epoch.
        completed: False if the time limit came first; train again to go on.
        holdout: Accuracy of `network` over the held-out images, at the side of the last epoch; None
            unless `completed`.
        checkpoint: The file to resume from, or the final one: its key ``model`` is the state of
            `network`, ``spec`` the JSON of its specification, ``recipe`` that of the recipe.
    """

    network: Network
    history: tuple[EpochMetrics, ...]
    completed: bool
    holdout: Accuracy | None
    checkpoint: Path


def train(
    spec: NetworkSpec,
    recipe: Recipe,
    data: TrainingData,
    out_dir: str | Path,
    *,
    time_limit_s: float | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a network, or go on with the run whose checkpoint lies in `out_dir`.

    A run that was interrupted and resumed gives the same bits as one that was not, on the same
    machine with the same number of threads.

    Args:
        spec: The network.
        recipe: How to train it.
        data: Training and held-out images; test images take no part.
        out_dir: Directory for checkpoints and ``metrics.csv``; created if missing.
        time_limit_s: Stop with a checkpoint after the first step that ends later than this.
        progress: Called after every step and every epoch.

    Raises:
        DataError: Fewer images than a batch, other classes than the network's, or held-out images
            of another size.
        RecipeError: The network cannot take images of one of the sizes to be trained at.
        CheckpointError: `out_dir` holds a damaged checkpoint or one of another configuration.
        DivergenceError: The loss or a parameter is not finite; the last good checkpoint is kept.
    """
    _check_data(spec, recipe, data)
    _check_sides(spec, recipe, data)
    Path(out_dir).mkdir(parents=True, exist_ok=True)
    run = Run.start(spec, recipe, data, Path(out_dir))
    deadline = None if time_limit_s is None else time.monotonic() + time_limit_s
    while run.epoch < recipe.epochs:
        if not run.train_epoch(deadline, progress or _ignore):
            network = run.network.eval()
            return TrainResult(network, tuple(run.history), False, None, run.checkpoint_path)
    return TrainResult(run.network, tuple(run.history), True, run.finish(), run.final_path)


def _check_data(spec: NetworkSpec, recipe: Recipe, data: TrainingData) -> None:
    if len(data.train) < recipe.batch_size:
        raise DataError(
            f"`batch_size` must be at most the number of training images "
            f"(got batch_size={recipe.batch_size}, {len(data.train)} images)"
        )
    for name, images in (("train", data.train), ("holdout", data.holdout)):
        if len(images.classes) != spec.num_classes:
            raise DataError(
                f"`data.{name}` must have as many classes as the network "
                f"(got {len(images.classes)} classes, num_classes={spec.num_classes})"
            )


def _check_sides(spec: NetworkSpec, recipe: Recipe, data: TrainingData) -> None:
    sizes = [tuple(images.images.shape[-2:]) for images in (data.train, data.holdout)]
    if sizes[0] != sizes[1]:
        raise DataError(
            f"`data.holdout` must have images of the size of `data.train` (got {sizes[1]} and "
            f"{sizes[0]} pixels)"
        )
    graph = spec.lower()
    for size in [side for _, side in recipe.resolutions] or sizes[:1]:
        try:
            graph.shapes(size)
        except GraphError as error:
            raise RecipeError(
                f"the network cannot take images of {size} pixels, at which it is to be trained; "
                f"change `resolutions` ({error})"
            ) from error


def _ignore(_: StepMetrics | EpochMetrics) -> None:
    """Report nothing."""
