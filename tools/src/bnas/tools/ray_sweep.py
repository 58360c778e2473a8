"""Sweeps on Ray Tune: every run is a trial, on whichever machine of the cluster has room.

Ray reads RAY_ADDRESS for the cluster's address; without it, the cluster is this machine, as long as
the sweep takes. All machines see the same directories.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnas.tools.extras import require
from bnas.tools.sweep import Case, Outcome, outcome_line

#: Takes what a run has measured so far.
Report = Callable[[Mapping[str, float]], None]
#: Runs a case and returns its document, or what went wrong.
Run = Callable[[Case, Report], dict[str, Any] | str]

#: Ray's own: paths are relative to where the command was given, nobody else is told of it, and
#: there are no boxes and tables beside the sweep's.
_SETTINGS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}

#: Directory below that of the sweep for what Ray keeps.
_STORAGE = "ray"


def run_all_on_ray(
    cases: Sequence[Case],
    run: Run,
    out_dir: str,
    *,
    workers: int,
    gpu: bool,
    tell: Callable[[str], None],
) -> list[Outcome]:
    """Run every case as a trial of Ray Tune, a few at once; one that dies stops no other.

    Args:
        cases: The runs.
        run: Called in a process of Ray's; what it reports becomes the trial's metrics.
        out_dir: Of the sweep; what Ray writes goes below it.
        workers: How many run at once; they share the cluster's processors.
        gpu: Whether each wants a GPU to itself.
        tell: Called with a line whenever one has ended.

    Raises:
        click.ClickException: Ray Tune is not installed.
    """
    require("search --engine ray", "ray")
    from ray import tune

    def trial(config: dict[str, int]) -> None:
        found = run(cases[config["case"]], lambda metrics: tune.report(dict(metrics)))
        # Ray keeps the last report alone.
        key = "error" if isinstance(found, str) else "document"
        tune.report({key: found})

    class Teller(tune.Callback):
        """Says that trials have ended."""

        def __init__(self) -> None:
            self.ended = 0

        def _tell(self, trial: Any) -> None:
            self.ended += 1
            outcome = _outcome(cases, trial.config, trial.last_result)
            tell(outcome_line(self.ended, len(cases), outcome))

        def on_trial_complete(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            self._tell(trial)

        def on_trial_error(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            self._tell(trial)

    with _cluster() as processors:
        share = max(processors // workers, 1)
        tuner = tune.Tuner(
            tune.with_resources(trial, {"cpu": share, "gpu": int(gpu)}),
            param_space={"case": tune.grid_search(list(range(len(cases))))},
            tune_config=tune.TuneConfig(max_concurrent_trials=workers),
            run_config=tune.RunConfig(
                name=_STORAGE,
                storage_path=str(Path(out_dir).resolve()),
                callbacks=[Teller()],
                verbose=0,
            ),
        )
        # Standard output is the sweep's own.
        with contextlib.redirect_stdout(sys.stderr):
            results = tuner.fit()
    found = [_outcome(cases, each.config, each.metrics) for each in results]
    return sorted(found, key=lambda outcome: cases.index(outcome.case))


def _outcome(
    cases: Sequence[Case], config: Mapping[str, int], metrics: Mapping[str, Any] | None
) -> Outcome:
    """How a trial ended, by the last that it reported."""
    case, last = cases[config["case"]], metrics or {}
    if "document" in last:
        return Outcome(case, 0, last["document"], "")
    return Outcome(case, 1, None, last.get("error", "its process died"))


@contextlib.contextmanager
def _cluster() -> Iterator[int]:
    """Join the cluster, or begin one on this machine; yields its processors."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import ray

    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        if is_ours:
            ray.shutdown()
