"""`train`: the training loop, which can be killed at any moment and resumed bit for bit."""

from __future__ import annotations

import time
from pathlib import Path

from attrs import frozen

from bnas.cells import Spec
from bnas.cells.nn import Network
from bnas.search.checkpoint import save_checkpoint, write_text
from bnas.search.conditions import check_conditions
from bnas.search.device import choose_device
from bnas.search.engine import check_cuda_graphs
from bnas.search.epoch import METRICS_NAME, Progress, train_epoch
from bnas.search.evaluate import Accuracy, evaluate
from bnas.search.history import EpochMetrics, StepMetrics, to_csv
from bnas.search.image_set import TrainingData
from bnas.search.lock import occupied
from bnas.search.observers import draw_if_wanted, observed
from bnas.search.options import RunOptions
from bnas.search.parallel import join
from bnas.search.recipe import Recipe
from bnas.search.rounding import round_real_parameters_
from bnas.search.run import Run


@frozen(eq=False)
class TrainResult:
    """What `train` returns.

    Attributes:
        network: In evaluation mode, its latent weights projected; rounded to what a packed file
            stores if `completed`.
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
    spec: Spec,
    recipe: Recipe,
    data: TrainingData,
    out_dir: str | Path,
    *,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a network, or go on with the run whose checkpoint lies in `out_dir`.

    A run that was interrupted and resumed gives the same bits as one that was not, on the same
    machine with the same number of threads. Under ``torchrun`` all processes train and measure one
    network; the leading one writes.

    Args:
        spec: The network.
        recipe: How to train it.
        data: Training and held-out images; test images take no part.
        out_dir: Directory for checkpoints and ``metrics.csv``; created if missing.
        options: Device, time limit, origin of the weights, form of checkpoints and logs.
        progress: Called in the leading process after every step (on a GPU, every few) and epoch.

    Raises:
        DataError: Fewer images than a batch, other classes than the network's, or held-out images
            of another size or of classes of other names.
        RecipeError: The network cannot take images of one of the sizes to be trained at, the device
            is not to be had, or the batch cannot be shared by the processes.
        CheckpointError: `out_dir` holds a damaged checkpoint or one of another configuration,
            another run is at work there, it cannot be written to, or `options` names a checkpoint
            that does not serve.
        DivergenceError: The loss, a parameter or a statistic is not finite, or the loss has
            exploded (`ExplosionError`); the last good checkpoint is kept.
        OutOfMemoryError: The batch does not fit into the memory of the GPU.
    """
    options = options or RunOptions()
    check_conditions(spec, recipe, data, options)
    processes = join(choose_device(options.device, recipe))
    processes.share(recipe.batch_size)
    check_cuda_graphs(options.cuda_graphs, recipe, processes)
    directory = Path(out_dir)
    with occupied(directory, processes):
        return _train(Run.start(spec, recipe, data, directory, options, processes), progress)


def _train(run: Run, progress: Progress | None) -> TrainResult:
    limit = run.options.time_limit_s
    deadline = None if limit is None else time.monotonic() + limit
    shown = progress if progress is not None and run.processes.leads else _ignore
    completed = True
    with observed(run, shown) as report:
        while completed and run.epoch < run.recipe.epochs:
            completed = train_epoch(run, deadline, report)
    holdout = finish(run) if completed else None
    draw_if_wanted(run)
    path = run.final_path if completed else run.checkpoint_path
    if not completed:
        run.network.project_latents_()  # A step leaves them off centre; saved is what it left.
    return TrainResult(run.result.eval(), tuple(run.history), completed, holdout, path)


def finish(run: Run) -> Accuracy:
    """Round to what a packed file stores, measure that, and write the final file."""
    network = run.result.eval()
    round_real_parameters_(network)
    side = run.recipe.side_at(run.recipe.epochs - 1)
    normalization = run.batches.normalization
    resize = run.recipe.evaluation_resize_at(run.recipe.epochs - 1)
    holdout = evaluate(network, run.holdout, normalization, side=side, resize=resize)
    state = {
        **run.identity,
        "model": {name: value.cpu() for name, value in network.state_dict().items()},
        "history": [record.to_dict() for record in run.history],
        "normalization": {"mean": list(normalization.mean), "std": list(normalization.std)},
        "classes": list(run.holdout.classes),
        "holdout_top1": holdout.top1,
        "holdout_images": holdout.images,
    }
    if run.processes.leads:
        save_checkpoint(run.final_path, state)
        # Once more: a kill may have come between the last checkpoint and these files.
        write_text(run.directory / METRICS_NAME, to_csv(run.history))
        run.write_gradients()
    return holdout


def _ignore(_: StepMetrics | EpochMetrics) -> None:
    """Report nothing."""
