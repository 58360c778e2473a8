"""How many epochs a time budget allows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.search import budget as budget_module
from bnas.search.run import Run

RECIPE = search.Recipe(
    epochs=2,
    batch_size=16,
    crop_padding=1,
    average_decay=0.9,
    resolutions=((0.25, 8), (0.75, 12)),
)
STOP = search.RunOptions(time_limit_s=0)


def test_a_budget_sets_the_number_of_epochs(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    many = search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, 3600.0)
    assert many.epochs > 20
    assert attrs.evolve(many, epochs=2) == RECIPE
    assert list(tmp_path.iterdir()) == []
    search.train(tiny_spec, RECIPE, data, tmp_path, options=STOP)
    assert search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, 3600.0) == RECIPE


def test_a_budget_of_less_than_an_epoch_says_what_one_takes(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    with pytest.raises(
        search.RecipeError,
        match=r"`budget_s` must be at least [0-9.]+ seconds: one epoch takes [0-9.]+ here, and to "
        r"measure that [0-9.]+ ",
    ):
        search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, 1e-6)


def test_steps_measurement_and_checkpoints_all_count_as_often_as_they_happen(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    clock = [0.0]
    seen: list[tuple[int | None, bool]] = []

    def step(run: Run, _: torch.Tensor) -> None:
        clock[0] += {8: 1.0, 12: 2.0}[run.recipe.side_at(run.epoch) or 0]

    def measured(run: Run, images: search.ImageSet) -> None:
        seen.append((run.recipe.side_at(run.epoch), len(images) < len(data.holdout)))
        clock[0] += 0.1 * len(images)

    def written(*_: object) -> None:
        clock[0] += 10.0

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(budget_module, "train_step", step)
    monkeypatch.setattr(budget_module, "measure", measured)
    monkeypatch.setattr(Run, "write", written)
    monkeypatch.setattr(budget_module, "CHECKPOINT_INTERVAL_S", 8.25)
    # 3 steps an epoch of 1 s in a quarter, 2 s in the rest; 3 s for 30 images; 10 s a checkpoint,
    # of which there is one at the end of an epoch and one in 8.25 s.
    seconds = 3 * (0.25 * 1 + 0.75 * 2) + 3 + 10 * (1 + 1)
    search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, 1e6)
    spent, clock[0] = clock[0], 0.0
    assert spent > seconds
    # What measuring took is gone.
    fitted = search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, spent + 7.5 * seconds / 0.92)
    assert fitted.epochs == 7
    assert {side for side, _ in seen} == {8, 12}
    # Of a GPU only every other end of an epoch of 8.25 s is saved: half a checkpoint less.
    monkeypatch.setattr(budget_module, "end_checkpoint_interval_s", lambda _: 2 * 8.25)
    clock[0], budget_s = 0.0, spent + 7.5 * (seconds - 5) / 0.92
    assert search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, budget_s).epochs == 7


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf, 0.0, -1, True, "1h", None])
def test_a_budget_that_is_no_time_is_refused(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData, seconds: Any
) -> None:
    with pytest.raises(search.RecipeError, match="`budget_s` must be a number of seconds > 0"):
        search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, seconds)


def test_what_cannot_be_trained_is_refused_before_it_is_measured(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    def started(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(Run, "start", started)

    def fit(**changes: Any) -> None:
        recipe = attrs.evolve(RECIPE, **changes)
        search.fit_to_budget(tiny_spec, recipe, data, tmp_path, 60.0)

    with pytest.raises(search.DataError, match="got batch_size=51, 50 images"):
        fit(batch_size=51)
    with pytest.raises(search.RecipeError, match="cannot take images of 10 pixels"):
        fit(resolutions=((0.5, 8), (0.5, 10)))
    with pytest.raises(search.RecipeError, match="go together"):
        fit(distillation_weight=0.5)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"identity": None},
        {"identity": {}},
        {"identity": {"recipe": 3}},
        {"identity": {"recipe": {"epochs": "4"}}},
        {"identity": {"recipe": {"epochs": -4}}},
    ],
)
def test_a_strange_checkpoint_is_named(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData, state: dict[str, Any]
) -> None:
    torch.save({"format": 2, **state}, tmp_path / "checkpoint.pt")
    with pytest.raises(search.CheckpointError, match="does not say to which recipe") as caught:
        search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, 60.0)
    assert caught.value.path == tmp_path / "checkpoint.pt"


def test_memory_that_does_not_suffice_says_which_batch_to_try(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    full_memory: Callable[..., None],
) -> None:
    monkeypatch.setattr(budget_module, "train_step", full_memory)
    with pytest.raises(search.OutOfMemoryError, match="try `batch_size` = 8"):
        search.fit_to_budget(tiny_spec, RECIPE, data, tmp_path, 60.0)
