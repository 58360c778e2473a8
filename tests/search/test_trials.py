"""Trials: several networks side by side, each as if it were alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.search.lock import locked

RECIPE = search.Recipe(epochs=2, batch_size=16, learning_rate=5e-3, crop_padding=1)


@pytest.fixture
def trials(tiny_spec: cells.NetworkSpec) -> list[search.Trial]:
    bare = attrs.evolve(tiny_spec, skip="none")
    return [
        search.Trial("skip", tiny_spec, RECIPE),
        search.Trial("bare", bare, RECIPE),
    ]


def numbers(results: tuple[search.TrialResult, ...]) -> list[object]:
    """Return what two ways to run the same trials must agree in."""
    return [
        (each.name, each.outcome, each.holdout_top1)
        + tuple((record.loss, record.train_top1, record.holdout_top1) for record in each.history)
        for each in results
    ]


def test_trials_side_by_side_are_those_one_after_the_other(
    trials: list[search.Trial], data: search.TrainingData, tmp_path: Path
) -> None:
    alone = search.run_trials(trials, data, tmp_path / "alone")
    told: list[str] = []
    both = search.run_trials(
        trials, data, tmp_path / "both", workers=2, ended=lambda result: told.append(result.name)
    )
    assert numbers(both) == numbers(alone)
    assert [result.name for result in both] == ["skip", "bare"]
    assert sorted(told) == ["bare", "skip"]
    assert [result.outcome for result in both] == ["finished"] * 2
    for result in both:
        assert result.final_path is not None and result.final_path.is_file()


def test_a_finished_trial_is_not_trained_again(
    trials: list[search.Trial],
    data: search.TrainingData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = search.run_trials(trials[:1], data, tmp_path)
    monkeypatch.setattr("bnas.search.trials.train", lambda *_, **__: pytest.fail("trained again"))
    assert search.run_trials(trials[:1], data, tmp_path) == before


def test_a_finished_trial_of_another_recipe_is_refused(
    trials: list[search.Trial], data: search.TrainingData, tmp_path: Path
) -> None:
    search.run_trials(trials[:1], data, tmp_path)
    other = attrs.evolve(trials[0], recipe=attrs.evolve(RECIPE, learning_rate=1e-3))
    with pytest.raises(search.CheckpointError, match="learning_rate: 0.005 in the checkpoint"):
        search.run_trials([other], data, tmp_path)


def test_trials_stop_at_the_limit_and_go_on(
    trials: list[search.Trial], data: search.TrainingData, tmp_path: Path
) -> None:
    whole = search.run_trials(trials, data, tmp_path / "whole")
    stopped = search.run_trials(trials, data, tmp_path / "parts", time_limit_s=0)
    assert [result.outcome for result in stopped] == ["stopped", "stopped"]
    assert [result.final_path for result in stopped] == [None, None]
    assert numbers(search.run_trials(trials, data, tmp_path / "parts")) == numbers(whole)


def test_a_network_that_diverges_stops_no_other(
    trials: list[search.Trial], data: search.TrainingData, tmp_path: Path
) -> None:
    wild = attrs.evolve(RECIPE, optimizer="sgd", learning_rate=1e36, epochs=4)
    first = attrs.evolve(trials[0], recipe=wild)
    results = search.run_trials([first, trials[1]], data, tmp_path)
    assert [result.outcome for result in results] == ["diverged", "finished"]
    assert results[0].holdout_top1 is None
    assert "not finite" in results[0].reason or "exploded" in results[0].reason


@pytest.mark.parametrize(("change", "words"), [({"workers": 0}, "`workers`"), ({}, "different")])
def test_what_cannot_be_run_is_refused(
    trials: list[search.Trial],
    data: search.TrainingData,
    tmp_path: Path,
    change: dict[str, int],
    words: str,
) -> None:
    twice = [trials[0], trials[0]] if not change else trials
    with pytest.raises(search.RecipeError, match=words):
        search.run_trials(twice, data, tmp_path, **change)


#: Of a training that lasts longer than any test waits.
LONG = attrs.evolve(RECIPE, epochs=2000)
WORKER = """
import signal
import sys
import torch
from bnas import cells, search

# Whoever starts the tests in the background of a script has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

saved = torch.load(sys.argv[1], weights_only=True)
parts = (search.ImageSet(*saved[name], ("red", "blue")) for name in ("train", "holdout"))
spec = cells.NetworkSpec.from_json(saved["spec"])
recipe = search.Recipe.from_dict(saved["recipe"])
trials = [search.Trial(name, spec, recipe) for name in ("first", "second", "third")]
search.run_trials(trials, search.TrainingData(*parts), sys.argv[2], workers=2)
"""


def wait_for(*paths: Path) -> None:
    end = time.monotonic() + 60
    while not all(path.exists() for path in paths):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_error_of_one_trial_stops_the_others(
    trials: list[search.Trial], data: search.TrainingData, tmp_path: Path
) -> None:
    search.run_trials([trials[0]], data, tmp_path)
    long = attrs.evolve(trials[1], recipe=LONG)
    wrong = attrs.evolve(trials[0], recipe=LONG)
    third = attrs.evolve(long, name="third")
    with pytest.raises(search.CheckpointError, match="epochs: 2 in the checkpoint") as caught:
        search.run_trials([long, wrong, third], data, tmp_path, workers=2)
    assert caught.value.path == tmp_path / "skip" / "final.pt"
    assert not (tmp_path / "third").exists()
    assert not (tmp_path / "bare" / "final.pt").exists()


def test_a_process_that_is_killed_is_told_of(
    trials: list[search.Trial], data: search.TrainingData, tmp_path: Path
) -> None:
    def kill() -> None:
        wait_for(*(tmp_path / trial.name / "metrics.csv" for trial in trials))
        multiprocessing.active_children()[0].kill()

    long = [attrs.evolve(trial, recipe=LONG) for trial in trials]
    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(search.WorkerError, match="was killed"):
        search.run_trials(long, data, tmp_path, workers=2)
    killer.join()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_no_process_trains_on_after_a_signal(
    tiny_spec: cells.NetworkSpec, data: search.TrainingData, tmp_path: Path, name: str
) -> None:
    saved = {
        "train": (data.train.images, data.train.labels),
        "holdout": (data.holdout.images, data.holdout.labels),
        "spec": tiny_spec.to_json(),
        "recipe": LONG.to_dict(),
    }
    torch.save(saved, tmp_path / "plan.pt")
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path / "plan.pt"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        try:
            wait_for(tmp_path / "first" / "metrics.csv", tmp_path / "second" / "metrics.csv")
            if name == "SIGINT":
                os.killpg(parent.pid, signal.SIGINT)  # As a terminal does: all get it.
            else:
                parent.terminate()
            # Not before all who could write to it are gone.
            _, told = parent.communicate(timeout=60)
        finally:
            if parent.returncode is None:
                os.killpg(parent.pid, signal.SIGKILL)
    assert parent.returncode == -signal.Signals[name]
    assert told.count("Traceback") == (name == "SIGINT")
    for each in ("first", "second"):
        with locked(tmp_path / each):
            assert (tmp_path / each / "checkpoint.pt").is_file()
    assert not (tmp_path / "third").exists()
