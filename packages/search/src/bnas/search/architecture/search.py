"""`search_cells`: the search, which can be killed at any moment and resumed bit for bit."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from attrs import frozen

from bnas.cells import NORMALIZATIONS, Genotype
from bnas.search.architecture.derive import GAMMAS
from bnas.search.architecture.history import SearchEpoch
from bnas.search.architecture.network import Build, build_supernet
from bnas.search.architecture.options import SearchOptions
from bnas.search.architecture.recipe import SearchRecipe
from bnas.search.architecture.results import Results
from bnas.search.architecture.state import SearchRun
from bnas.search.architecture.steps import SearchProgress, search_epoch
from bnas.search.device import choose_device
from bnas.search.engine import check_cuda_graphs
from bnas.search.errors import DataError, RecipeError
from bnas.search.history import StepMetrics
from bnas.search.image_set import ImageSet, split_holdout
from bnas.search.lock import occupied
from bnas.search.observers import open_log
from bnas.search.parallel import Processes, join

#: Every stem and two reductions halve the images; what is left must be whole pixels.
_SIDE_MULTIPLES = {"cifar": 4, "imagenet": 32}


@frozen(eq=False)
class SearchResult:
    """What `search_cells` returns.

    Attributes:
        genotypes: zeroise_gamma (1 and 3) -> the cells found so far; empty before the first epoch
            has ended.
        history: One record an epoch.
        completed: False if the time limit came first; search again to go on.
        directory: Where everything was written.
        resumed_from: The checkpoint that this start went on from; None for a new search.
    """

    genotypes: Mapping[int, Genotype]
    history: tuple[SearchEpoch, ...]
    completed: bool
    directory: Path
    resumed_from: Path | None


def search_cells(
    recipe: SearchRecipe,
    images: ImageSet,
    out_dir: str | Path,
    *,
    options: SearchOptions | None = None,
    progress: SearchProgress | None = None,
    build: Build = build_supernet,
) -> SearchResult:
    """Search cells, or go on with the search whose checkpoint lies in `out_dir`.

    Half of the images, chosen by a seeded permutation that no recipe changes, teaches the weights
    of the supernet, the other half the architecture parameters. A search that was interrupted and
    resumed gives the same bits as one that was not, on the same machine with the same number of
    threads. Under ``torchrun`` all processes share every batch; the leading one writes.

    Args:
        recipe: How to search.
        images: Training images; test images take no part.
        out_dir: Directory for checkpoints, genotypes, tables and pictures; created if missing.
        options: Device, time limit, form of checkpoints and logs.
        progress: Called in the leading process after every step (on a GPU, every few) and epoch.
        build: Makes the supernet; another one for other search spaces of 14 edges a cell.

    Raises:
        DataError: Either half has fewer images than a batch, or images whose sides the template
            cannot halve.
        RecipeError: The device is not to be had, the batch cannot be shared by the processes, or
            the engine cannot run on them.
        CheckpointError: `out_dir` holds a damaged checkpoint or one of another search, whose
            differences are listed; another run is at work there; or it cannot be written to.
        DivergenceError: A loss, a parameter or a statistic is not finite, or the loss has exploded;
            the last good checkpoint is kept.
        MissingExtraError: A report is wanted without matplotlib, or events without TensorBoard.
        OutOfMemoryError: The batch does not fit into the memory of the GPU.

    References:
        ECCV 2020 BNAS, Sections 4 and 5; Liu et al., "DARTS", ICLR 2019, Algorithm 1.
    """
    options = options or SearchOptions()
    halves = _halves(recipe, images)
    processes = join(choose_device(options.device, recipe.weights_recipe))
    processes.share(recipe.batch_size)
    _check_engine(recipe, options, processes)
    directory = Path(out_dir)
    with occupied(directory, processes), _settings(options):
        run = SearchRun.start(
            recipe,
            halves,
            NORMALIZATIONS[recipe.template],
            directory,
            options,
            processes,
            build,
        )
        return _search(run, progress)


def _search(run: SearchRun, progress: SearchProgress | None) -> SearchResult:
    limit = run.options.time_limit_s
    deadline = None if limit is None else time.monotonic() + limit
    completed = True
    with _observed(run, progress) as report:
        while completed and run.epoch < run.recipe.epochs:
            completed = search_epoch(run, deadline, report)
    last = run.history[-1] if run.history else None
    return SearchResult(
        genotypes={gamma: last.genotype(gamma) for gamma in GAMMAS} if last else {},
        history=tuple(run.history),
        completed=completed,
        directory=run.directory,
        resumed_from=run.resumed_from,
    )


@contextlib.contextmanager
def _observed(run: SearchRun, progress: SearchProgress | None) -> Iterator[SearchProgress]:
    """Yield what the search is to call; close, in the end, what was opened.

    Results of the epochs that are finished are written at the start, since a kill may have come
    between the checkpoint and them, and after every epoch.
    """
    if not run.processes.leads:
        yield lambda metrics: None
        return
    classes = len(run.weight_batches.images.classes)
    results = Results(run.recipe, run.directory, classes, run.options.notice)
    if run.options.report:
        results.check_report()
    log = None
    if run.options.event_log:
        steps = run.steps_per_epoch
        log = open_log(run.directory, run.epoch * steps + run.step, steps)

    def report(metrics: StepMetrics | SearchEpoch) -> None:
        if isinstance(metrics, SearchEpoch):
            if log is not None:
                log.write_epoch(metrics.epoch, _scalars(metrics))
            results.write(run.history, report=run.options.report)
        elif log is not None:
            log.write_step(metrics)
        if progress is not None:
            progress(metrics)

    try:
        if run.history:
            results.write(run.history, report=run.options.report)
        yield report
    finally:
        if log is not None:
            log.close()


def _scalars(record: SearchEpoch) -> dict[str, float]:
    names = ("loss", "top1", "arch_loss", "arch_top1", "entropy", "zeroise_edges", "images_per_s")
    scalars = {name: float(getattr(record, name)) for name in names}
    return scalars | {f"strongest/{name}": share for name, share in record.strongest.items()}


def _halves(recipe: SearchRecipe, images: ImageSet) -> tuple[ImageSet, ImageSet]:
    """Split the images in two halves, and refuse what cannot be searched on."""
    half = len(images) // 2
    if half < recipe.batch_size:
        raise DataError(
            "either half of the images must have at least `batch_size` of them "
            f"(got batch_size={recipe.batch_size}, halves of {half} images)"
        )
    multiple = _SIDE_MULTIPLES[recipe.template]
    sides = (recipe.side,) if recipe.side else tuple(images.images.shape[-2:])
    if any(side % multiple for side in sides):
        raise DataError(
            f"images must have sides that are multiples of {multiple} pixels in the "
            f"{recipe.template} template, or `side` be one (got {sides})"
        )
    for_weights, for_arch = split_holdout(images, half)
    return for_weights, for_arch


def _check_engine(recipe: SearchRecipe, options: SearchOptions, processes: Processes) -> None:
    """Refuse to compile where statistics are summed over processes in the middle of a pass.

    Graphs overwrite what a pass computed, and a look ahead keeps gradients of two.
    """
    if recipe.engine == "compiled" and processes.size > 1:
        raise RecipeError(f"`engine` = 'compiled' needs one process (got {processes.size})")
    if options.cuda_graphs and recipe.order == 2:
        raise RecipeError("`cuda_graphs` needs `order` = 1 (got 2)")
    check_cuda_graphs(options.cuda_graphs, recipe.weights_recipe, processes)


@contextlib.contextmanager
def _settings(options: SearchOptions) -> Iterator[None]:
    """Set, for a while, torch's threads, and that it refuses what gives other bits each time."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    if options.deterministic:
        # cuBLAS asks for it, and reads it when it is used first.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(threads)
