"""`run_trials`: several networks trained side by side, to be compared with each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Literal

import attrs
from attrs import field, frozen

from bnas.cells import Spec
from bnas.search.checkpoint import check_same, load_checkpoint
from bnas.search.errors import CheckpointError, DivergenceError, RecipeError
from bnas.search.history import EpochMetrics, StepMetrics
from bnas.search.identity import by_field, identity_of
from bnas.search.image_set import TrainingData
from bnas.search.long_run import CHECKPOINT_NAME
from bnas.search.options import RunOptions
from bnas.search.recipe import Recipe
from bnas.search.run import FINAL_NAME
from bnas.search.trainer import train
from bnas.search.workers import stop_here, stopping, worker_pool

Outcome = Literal["finished", "stopped", "diverged"]


@frozen
class Trial:
    """A network to be trained.

    Attributes:
        name: Of its directory; unique among the trials that are compared.
        spec: The network.
        recipe: How to train it, its seed included.
        options: As of `train`; a time limit is that of all trials together (`run_trials`).
    """

    name: str
    spec: Spec
    recipe: Recipe
    options: RunOptions = field(factory=RunOptions)


@frozen
class TrialResult:
    """How a trial ended.

    Attributes:
        name: The trial's.
        directory: What it wrote to.
        outcome: ``"finished"``; ``"stopped"``, for the time limit came first; ``"diverged"``, a
            result too: of a network that does not train with this recipe.
        history: One record an epoch, as far as it came.
        holdout_top1: Percent of the held-out images, real parameters rounded as in a packed file;
            None unless finished.
        reason: Why it diverged; empty else.
    """

    name: str
    directory: Path
    outcome: Outcome
    history: tuple[EpochMetrics, ...]
    holdout_top1: float | None = None
    reason: str = ""

    @property
    def final_path(self) -> Path | None:
        """The finished network; None unless finished."""
        return self.directory / FINAL_NAME if self.outcome == "finished" else None


def run_trials(
    trials: Sequence[Trial],
    data: TrainingData,
    out_dir: str | Path,
    *,
    workers: int = 1,
    time_limit_s: float | None = None,
    ended: Callable[[TrialResult], None] | None = None,
) -> tuple[TrialResult, ...]:
    """Train every trial in a directory of its own, or go on with those that were interrupted.

    A trial has one thread where several run at once, and then its numbers are those of one thread;
    alone it has all. A finished one is not trained again.

    Ctrl-C, or an error of one trial, lets no other begin. Those under way beside it stop after
    their step, or are ended a few seconds later; asked for again, they go on from their last
    checkpoints. If this process is killed, those that train for it die with it.

    Args:
        trials: What to train, of different names.
        data: For all of them.
        out_dir: Holds their directories.
        workers: Processes that train at once; with 1 this process does. On a GPU: 1.
        time_limit_s: For all of them: what has not ended by then stops with a checkpoint, what has
            not begun does not begin. None for no limit.
        ended: Called with every result as it comes.

    Returns:
        The results in the order of the trials.

    Raises:
        RecipeError: Two trials of one name, or `workers` below 1.
        WorkerError: A process that trained was killed; other trials stop.
        SearchError: What `train` raises, but for `DivergenceError`; other trials stop.
    """
    names = [trial.name for trial in trials]
    if len(set(names)) < len(names):
        raise RecipeError(f"`trials` must have different names (got {sorted(names)})")
    if workers < 1:
        raise RecipeError(f"`workers` must be at least 1 (got {workers})")
    deadline = None if time_limit_s is None else time.time() + time_limit_s
    found: dict[str, TrialResult] = {}

    def keep(result: TrialResult) -> None:
        found[result.name] = result
        if ended is not None:
            ended(result)

    if workers == 1:
        for trial in trials:
            keep(_run(trial, data, Path(out_dir), deadline))
    else:
        shared = (data, Path(out_dir), deadline)
        with worker_pool(min(workers, len(trials) or 1), _share, shared) as submit:
            for future in as_completed([submit(_run_shared, trial) for trial in trials]):
                keep(future.result())
    return tuple(found[name] for name in names)


def _run(trial: Trial, data: TrainingData, out_dir: Path, deadline: float | None) -> TrialResult:
    directory = out_dir / trial.name
    done = _finished(trial, data, directory)
    if done is not None:
        return done
    limit = None if deadline is None else max(deadline - time.time(), 0.0)
    if limit == 0.0 or stopping():
        return TrialResult(trial.name, directory, "stopped", _history(directory))
    options = attrs.evolve(trial.options, time_limit_s=limit)
    try:
        result = train(
            trial.spec, trial.recipe, data, directory, options=options, progress=_stop_if_told
        )
    except _Stopped:
        return TrialResult(trial.name, directory, "stopped", _history(directory))
    except DivergenceError as error:
        reason = str(error)
        return TrialResult(trial.name, directory, "diverged", _history(directory), reason=reason)
    if result.holdout is None:
        return TrialResult(trial.name, directory, "stopped", result.history)
    return TrialResult(trial.name, directory, "finished", result.history, result.holdout.top1)


def _finished(trial: Trial, data: TrainingData, directory: Path) -> TrialResult | None:
    """Return the result of a trial that was finished before.

    Raises:
        CheckpointError: It was one of another configuration.
    """
    path = directory / FINAL_NAME
    if not path.is_file():
        return None
    state = load_checkpoint(path)
    wanted = identity_of(trial.spec, trial.recipe, data, trial.options)
    check_same(path, _identity(path, state, wanted), by_field(path, wanted))
    history = tuple(EpochMetrics.from_dict(record) for record in state["history"])
    return TrialResult(trial.name, directory, "finished", history, state["holdout_top1"])


def _identity(path: Path, state: dict[str, object], wanted: dict[str, object]) -> dict[str, object]:
    missing = [key for key in (*wanted, "history", "holdout_top1") if key not in state]
    if missing:
        raise CheckpointError(f"{path} is damaged: it has no {', '.join(missing)}", path)
    return by_field(path, {key: state[key] for key in wanted})


def _history(directory: Path) -> tuple[EpochMetrics, ...]:
    """Return what the last good checkpoint tells of a run that did not finish."""
    path = directory / CHECKPOINT_NAME
    if not path.is_file():
        return ()
    return tuple(EpochMetrics.from_dict(record) for record in load_checkpoint(path)["history"])


class _Stopped(Exception):
    """Another trial of the same call has failed, or Ctrl-C has ended it."""


def _stop_if_told(_: StepMetrics | EpochMetrics) -> None:
    if stopping():
        raise _Stopped


_SHARED: dict[str, object] = {}


def _share(data: TrainingData, out_dir: Path, deadline: float | None) -> None:
    """Keep in a process of the pool what all trials have in common."""
    _SHARED.update(data=data, out_dir=out_dir, deadline=deadline)


def _run_shared(trial: Trial) -> TrialResult:
    try:
        return _run(trial, **_SHARED)  # type: ignore[arg-type]
    except BaseException:
        stop_here()  # The next trial may be here already, before the error is where it is raised.
        raise
