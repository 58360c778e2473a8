"""Trials: several networks side by side, each as if it were alone."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from bnas import cells, search

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
