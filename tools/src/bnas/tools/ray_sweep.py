"""Sweeps on Ray Tune: every run is a trial, on whichever machine of the cluster has room.

All machines see the same directories.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnas.tools.extras import require
from bnas.tools.ray_cluster import join_cluster
from bnas.tools.sweep import Case, Outcome, outcome_line

#: Takes what a run has measured so far.
Report = Callable[[Mapping[str, float]], None]
#: Runs a case and returns its document, or what went wrong.
Run = Callable[[Case, Report], dict[str, Any] | str]

#: Directory below that of the sweep for what Ray keeps.
_STORAGE = "ray"


def run_all_on_ray(
    cases: Sequence[Case],
    run: Run,
    out_dir: str,
    *,
    workers: int,
    gpu: bool | None,
    tell: Callable[[str], None],
) -> list[Outcome]:
    """Run every case as a trial of Ray Tune, a few at once; one that dies stops no other.

    Args:
        cases: The runs.
        run: Called in a process of Ray's; what it reports becomes the trial's metrics.
        out_dir: Of the sweep; what Ray writes goes below it.
        workers: How many run at once; they share the cluster's processors.
        gpu: Whether each wants a GPU to itself; None if the cluster has any.
        tell: Called with a line whenever one has ended.

    Raises:
        click.ClickException: Ray Tune is not installed.
        KeyboardInterrupt: Ctrl-C stopped it.
    """
    require("search --engine ray", "ray.tune")
    from ray import tune

    def trial(config: dict[str, int]) -> None:
        found = run(cases[config["case"]], lambda metrics: tune.report(dict(metrics)))
        # Ray keeps the last report alone.
        tune.report({"error" if isinstance(found, str) else "document": found})

    with join_cluster() as cluster, contextlib.redirect_stdout(sys.stderr):  # Ours is the table's.
        wants_gpu = cluster.has_gpu if gpu is None else gpu
        resources: dict[str, float] = {"cpu": cluster.share(workers), "gpu": int(wants_gpu)}
        tuner = tune.Tuner(
            tune.with_resources(trial, resources),
            param_space={"case": tune.grid_search(list(range(len(cases))))},
            tune_config=tune.TuneConfig(max_concurrent_trials=workers),
            run_config=tune.RunConfig(
                name=_STORAGE,
                storage_path=str(Path(out_dir).resolve()),
                callbacks=[_teller(cases, tell)],
                verbose=0,
            ),
        )
        # A `ResultGrid`, which iterates by its indices alone.
        results: Any = tuner.fit()
        found = {
            each.config["case"]: _outcome(cases, each.config, each.metrics, each.error)
            for each in results
            if each.metrics and {"document", "error"} & each.metrics.keys() or each.error
        }
    if len(found) < len(cases):
        # Tune swallows Ctrl-C: it leaves trials that have neither ended nor failed.
        raise KeyboardInterrupt
    return [found[index] for index in range(len(cases))]


def _teller(cases: Sequence[Case], tell: Callable[[str], None]) -> Any:
    """Return what Tune is to call when trials end."""
    from ray import tune

    class Teller(tune.Callback):
        """Says that trials have ended."""

        ended = 0

        def _tell(self, trial: Any, error: object) -> None:
            self.ended += 1
            outcome = _outcome(cases, trial.config, trial.last_result, error)
            tell(outcome_line(self.ended, len(cases), outcome))

        def on_trial_complete(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            self._tell(trial, None)

        def on_trial_error(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            self._tell(trial, trial.get_error())

    return Teller()


def _outcome(
    cases: Sequence[Case],
    config: Mapping[str, int],
    metrics: Mapping[str, Any] | None,
    error: object,
) -> Outcome:
    """How a trial ended, by the last that it reported and by what ended it."""
    case, last = cases[config["case"]], metrics or {}
    if "document" in last:
        return Outcome(case, 0, last["document"], "")
    return Outcome(case, 1, None, last.get("error") or _reason(error))


def _reason(error: object) -> str:
    """Return in a few words what ended a trial that could not say so itself."""
    lines = [] if error is None else str(error).strip().splitlines()
    is_dead = any(words in line for line in lines for words in ("actor died", "actor is dead"))
    if not lines or is_dead:
        return "its process died"
    return lines[-1]
