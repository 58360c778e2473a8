"""Training: that it learns, and that no interruption changes a bit of what it learns."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.cells.nn import Network
from bnas.search import epoch as epoch_module
from bnas.search import epoch_loop
from bnas.search.run import Run

Coloured = Callable[[int, int], search.ImageSet]
#: 3 steps an epoch of the 50 images, 2 images left over.
RECIPE = search.Recipe(
    epochs=2, batch_size=16, learning_rate=5e-3, crop_padding=1, resolutions=((0.5, 8), (0.5, 12))
)
STEPS = 6
#: Stops after the next step.
STOP = search.RunOptions(time_limit_s=0)


class Interruption(Exception):
    """Stands for whatever ends a process in the middle."""


def stopping_after(steps: int) -> Callable[[object], None]:
    seen: list[object] = []

    def progress(metrics: object) -> None:
        if isinstance(metrics, search.StepMetrics):
            seen.append(metrics)
            if len(seen) == steps:
                raise Interruption

    return progress


def bits(directory: Path) -> dict[str, Any]:
    """Return all that a finished run left, but for the times that it took."""
    final = search.load_checkpoint(directory / "final.pt")
    last = search.load_checkpoint(directory / "checkpoint.pt")
    moments = {
        f"{index}.{key}": torch.as_tensor(value)
        for index, slots in last["optimizer"]["state"].items()
        for key, value in slots.items()
    }
    history = [{**record, "images_per_s": None, "seconds": None} for record in final["history"]]
    return {"tensors": final["model"] | moments, "history": history, "top1": final["holdout_top1"]}


def assert_same_bits(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first["tensors"].keys() == second["tensors"].keys()
    for name, tensor in first["tensors"].items():
        assert torch.equal(tensor, second["tensors"][name]), name
    assert first["history"] == second["history"]
    assert first["top1"] == second["top1"]


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> dict[str, Any]:
    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp("whole")
    search.train(tiny_spec, RECIPE, data, directory)
    return bits(directory)


def test_learns_two_colours(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, coloured: Coloured
) -> None:
    data = search.TrainingData(coloured(320, 1), coloured(200, 2))
    recipe = attrs.evolve(RECIPE, epochs=4, resolutions=())
    result = search.train(tiny_spec, recipe, data, tmp_path)
    assert result.completed
    assert result.holdout is not None
    assert result.holdout.top1 > 95
    assert result.history[-1].loss < result.history[0].loss
    state = search.load_checkpoint(result.checkpoint)
    loaded = Network(cells.NetworkSpec.from_json(state["spec"]))
    loaded.load_state_dict(state["model"])
    normalization = search.Normalization(*map(tuple, state["normalization"].values()))
    assert search.evaluate(loaded, data.holdout, normalization) == result.holdout


@pytest.mark.parametrize("engine", ["eager", "fused"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_bfloat16_and_all_optimizers_learn(
    tmp_path: Path, optimizer: Any, engine: Any, tiny_spec: cells.NetworkSpec, coloured: Coloured
) -> None:
    data = search.TrainingData(coloured(320, 1), coloured(200, 2))
    rate = 5e-2 if optimizer == "sgd" else 5e-3
    recipe = attrs.evolve(
        RECIPE,
        epochs=3,
        optimizer=optimizer,
        learning_rate=rate,
        precision="bfloat16",
        engine=engine,
        label_smoothing=0.1,
        official_gradient=optimizer == "sgd",
        schedule="cosine",
    )
    result = search.train(tiny_spec, recipe, data, tmp_path)
    assert result.history[-1].holdout_top1 > 90


def test_real_numbers_end_as_float16_values(
    tiny_spec: cells.NetworkSpec, uninterrupted: dict[str, Any]
) -> None:
    weight = uninterrupted["tensors"]["classifier.weight"]
    assert torch.equal(weight, weight.half().float())


def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    uninterrupted: dict[str, Any],
) -> None:
    torch.rand(3)  # The global generator plays no part.
    search.train(tiny_spec, RECIPE, data, tmp_path / "same")
    assert_same_bits(bits(tmp_path / "same"), uninterrupted)
    search.train(tiny_spec, attrs.evolve(RECIPE, seed=1), data, tmp_path / "other")
    assert bits(tmp_path / "other")["history"] != uninterrupted["history"]


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
def test_a_crash_after_any_step_changes_no_bit(
    steps: int,
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    uninterrupted: dict[str, Any],
) -> None:
    with pytest.raises(Interruption):
        search.train(tiny_spec, RECIPE, data, tmp_path, progress=stopping_after(steps))
    assert search.train(tiny_spec, RECIPE, data, tmp_path).completed
    assert_same_bits(bits(tmp_path), uninterrupted)


def test_a_time_limit_at_every_step_changes_no_bit(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    uninterrupted: dict[str, Any],
) -> None:
    pieces = 1
    while not search.train(tiny_spec, RECIPE, data, tmp_path, options=STOP).completed:
        pieces += 1
    assert pieces == STEPS + 1
    assert_same_bits(bits(tmp_path), uninterrupted)


def test_checkpoints_within_an_epoch_are_resumed_from(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    uninterrupted: dict[str, Any],
) -> None:
    monkeypatch.setattr(epoch_loop, "CHECKPOINT_INTERVAL_S", 0.0)
    with pytest.raises(Interruption):
        search.train(tiny_spec, RECIPE, data, tmp_path, progress=stopping_after(5))
    state = search.load_checkpoint(tmp_path / "checkpoint.pt")
    assert (state["epoch"], state["step"]) == (1, 1)
    search.train(tiny_spec, RECIPE, data, tmp_path)
    assert_same_bits(bits(tmp_path), uninterrupted)


KILLED = """
import os, signal, sys
import torch
from bnas import cells, search

torch.set_num_threads(1)
saved = torch.load(sys.argv[1], weights_only=True)
parts = (search.ImageSet(*saved[name], ("red", "blue")) for name in ("train", "holdout"))
seen = []

def progress(metrics):
    seen.append(metrics)
    if len(seen) == 6:
        os.kill(os.getpid(), signal.SIGKILL)

spec = cells.NetworkSpec.from_json(saved["spec"])
recipe = search.Recipe.from_dict(saved["recipe"])
search.train(spec, recipe, search.TrainingData(*parts), sys.argv[2], progress=progress)
"""


def test_a_kill_changes_no_bit(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    uninterrupted: dict[str, Any],
) -> None:
    saved = {
        "train": (data.train.images, data.train.labels),
        "holdout": (data.holdout.images, data.holdout.labels),
        "spec": tiny_spec.to_json(),
        "recipe": RECIPE.to_dict(),
    }
    torch.save(saved, tmp_path / "saved.pt")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "saved.pt"), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    state = search.load_checkpoint(tmp_path / "out" / "checkpoint.pt")
    assert (state["epoch"], state["step"]) == (1, 0)
    assert search.train(tiny_spec, RECIPE, data, tmp_path / "out").completed
    assert_same_bits(bits(tmp_path / "out"), uninterrupted)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # The compiler's own.
def test_an_interruption_of_compiled_bfloat16_changes_no_bit(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    recipe = attrs.evolve(RECIPE, engine="compiled", precision="bfloat16", resolutions=())
    search.train(tiny_spec, recipe, data, tmp_path / "whole")
    for _ in range(2):
        search.train(tiny_spec, recipe, data, tmp_path / "cut", options=STOP)
        torch.compiler.reset()
    assert search.train(tiny_spec, recipe, data, tmp_path / "cut").completed
    assert_same_bits(bits(tmp_path / "cut"), bits(tmp_path / "whole"))


def test_a_finished_run_is_not_trained_again(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    recipe = attrs.evolve(RECIPE, epochs=1, resolutions=())
    first = search.train(tiny_spec, recipe, data, tmp_path)
    steps: list[object] = []
    again = search.train(tiny_spec, recipe, data, tmp_path, progress=steps.append)
    assert steps == []
    assert again.holdout == first.holdout
    assert again.history == first.history


def test_metrics_are_written_and_reported(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    reports: list[object] = []
    result = search.train(tiny_spec, RECIPE, data, tmp_path, progress=reports.append)
    epochs = [report for report in reports if isinstance(report, search.EpochMetrics)]
    assert tuple(epochs) == result.history
    assert len(reports) == STEPS + 2
    with (tmp_path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["side"] for row in rows] == ["8", "12"]
    assert [float(row["loss"]) for row in rows] == [epoch.loss for epoch in epochs]
    assert all(0 <= float(row["holdout_top1"]) <= 100 for row in rows)


def test_a_checkpoint_of_another_configuration_is_refused(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    coloured: Coloured,
) -> None:
    search.train(tiny_spec, RECIPE, data, tmp_path, options=STOP)
    spec = attrs.evolve(tiny_spec, channels=6)
    recipe = attrs.evolve(RECIPE, learning_rate=1e-3)
    other = attrs.evolve(data, holdout=coloured(30, 3))
    with pytest.raises(search.CheckpointError) as caught:
        search.train(spec, recipe, other, tmp_path)
    fields = [difference.split(":")[0] for difference in caught.value.differences]
    assert fields == ["data.holdout", "recipe.learning_rate", "spec.channels"]
    assert "0.005 in the checkpoint, 0.001 now" in str(caught.value)
    coloured_otherwise = attrs.evolve(data, normalization=search.IMAGENET)
    with pytest.raises(search.CheckpointError, match=r"data\.mean"):
        search.train(tiny_spec, RECIPE, coloured_otherwise, tmp_path)


def test_metrics_that_a_kill_kept_from_the_disk_are_written_in_the_end(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    search.train(tiny_spec, RECIPE, data, tmp_path)
    before = (tmp_path / "metrics.csv").read_text(encoding="utf-8")
    (tmp_path / "metrics.csv").unlink()
    search.train(tiny_spec, RECIPE, data, tmp_path)
    assert (tmp_path / "metrics.csv").read_text(encoding="utf-8") == before


def test_a_final_file_is_no_checkpoint(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    search.train(tiny_spec, RECIPE, data, tmp_path)
    (tmp_path / "final.pt").replace(tmp_path / "checkpoint.pt")
    with pytest.raises(search.CheckpointError, match="missing .*'optimizer'"):
        search.train(tiny_spec, RECIPE, data, tmp_path)


def test_divergence_names_the_step_and_keeps_the_last_good_checkpoint(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    def rate(recipe: search.Recipe, step: int, total_steps: int) -> float:
        return 1e-3 if step < 3 else math.inf

    monkeypatch.setattr("bnas.search.optimizer.learning_rate_at", rate)
    with pytest.raises(search.DivergenceError, match="epoch 1, step 1") as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path)
    assert (caught.value.epoch, caught.value.step) == (1, 1)
    assert caught.value.checkpoint == tmp_path / "checkpoint.pt"
    state = search.load_checkpoint(tmp_path / "checkpoint.pt")
    assert (state["epoch"], state["step"]) == (1, 0)
    assert all(torch.isfinite(value).all() for value in state["model"].values())


def test_divergence_between_two_looks_names_all_steps_that_may_be_at_fault(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    def rate(recipe: search.Recipe, step: int, total_steps: int) -> float:
        return 1e-3 if step < 8 else math.inf

    monkeypatch.setattr("bnas.search.optimizer.learning_rate_at", rate)
    monkeypatch.setattr(epoch_loop, "LOOK_INTERVAL_CPU", 4)
    recipe = attrs.evolve(RECIPE, batch_size=4)  # 12 steps an epoch
    with pytest.raises(
        search.DivergenceError, match="the loss is not finite since one of the steps 8 to 11 of"
    ) as caught:
        search.train(tiny_spec, recipe, data, tmp_path)
    assert (caught.value.epoch, caught.value.first_step, caught.value.step) == (0, 8, 11)


def test_parameters_that_are_not_finite_are_never_saved(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    monkeypatch.setattr("bnas.search.optimizer.learning_rate_at", lambda *_: math.inf)
    with pytest.raises(search.DivergenceError, match="no checkpoint yet") as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path, options=STOP)
    assert caught.value.checkpoint is None
    assert (caught.value.epoch, caught.value.step) == (0, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("decay", "name"), [(0.0, "classifier.bias"), (0.0, "running_var"), (0.9, "average.")]
)
def test_statistics_and_averages_that_are_not_finite_are_never_saved(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    decay: float,
    name: str,
) -> None:
    plain_step, steps = epoch_module.train_step, []

    def step(run: Run, order: torch.Tensor) -> torch.Tensor:
        loss = plain_step(run, order)
        steps.append(loss)
        if len(steps) == 5:
            tensors = run.network.state_dict()
            if run.average is not None:
                tensors = run.average.named_tensors()
            next(value for key, value in tensors.items() if name in key).fill_(math.inf)
        return loss

    monkeypatch.setattr(epoch_module, "train_step", step)
    monkeypatch.setattr(epoch_loop.Clock, "save_due", lambda *_: len(steps) == 5)
    recipe = attrs.evolve(RECIPE, average_decay=decay)
    with pytest.raises(
        search.DivergenceError, match=rf"`.*{name}.*` is not finite since .* 0 to 1 of epoch 1"
    ) as caught:
        search.train(tiny_spec, recipe, data, tmp_path)
    assert caught.value.checkpoint == tmp_path / "checkpoint.pt"
    assert search.load_checkpoint(tmp_path / "checkpoint.pt")["epoch"] == 1


def test_the_network_of_a_run_that_was_stopped_is_projected(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    network = search.train(tiny_spec, RECIPE, data, tmp_path, options=STOP).network
    saved = search.load_checkpoint(tmp_path / "checkpoint.pt")["model"]
    projected = Network(tiny_spec)
    projected.load_state_dict(saved)
    projected.project_latents_()
    state = network.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in projected.state_dict().items())
    assert any(not torch.equal(value, saved[key]) for key, value in state.items())


def test_whatever_a_report_of_an_epoch_raises_the_epoch_is_kept(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    uninterrupted: dict[str, Any],
) -> None:
    def interrupt(metrics: object) -> None:
        if isinstance(metrics, search.EpochMetrics):
            raise Interruption

    for epoch in (1, 2):
        with pytest.raises(Interruption):
            search.train(tiny_spec, RECIPE, data, tmp_path, progress=interrupt)
        assert search.load_checkpoint(tmp_path / "checkpoint.pt")["epoch"] == epoch
        assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 1 + epoch
    assert search.train(tiny_spec, RECIPE, data, tmp_path, progress=interrupt).completed
    assert_same_bits(bits(tmp_path), uninterrupted)


def test_fewer_images_than_a_batch_are_refused(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    recipe = attrs.evolve(RECIPE, batch_size=51)
    with pytest.raises(search.DataError, match="got batch_size=51, 50 images"):
        search.train(tiny_spec, recipe, data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_classes_than_the_network_s_are_refused(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    spec = attrs.evolve(tiny_spec, num_classes=3)
    with pytest.raises(search.DataError, match="got 2 classes, num_classes=3"):
        search.train(spec, RECIPE, data, tmp_path)


def test_held_out_images_of_classes_of_other_names_are_refused(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    swapped = attrs.evolve(data.holdout, classes=("red", "green"))
    with pytest.raises(search.DataError, match="got 'green' and 'blue' as class 1, from 0"):
        search.train(tiny_spec, RECIPE, attrs.evolve(data, holdout=swapped), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_held_out_images_of_another_size_are_refused(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    small = attrs.evolve(data.holdout, images=data.holdout.images[:, :, :4, :4])
    with pytest.raises(search.DataError, match=r"got \(4, 4\) and \(8, 8\) pixels"):
        search.train(tiny_spec, RECIPE, attrs.evolve(data, holdout=small), tmp_path)


def test_sides_that_the_network_cannot_take_are_refused(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    recipe = attrs.evolve(RECIPE, resolutions=((0.5, 8), (0.5, 10)))
    with pytest.raises(search.RecipeError, match=r"cannot take images of 10 pixels.*cells\."):
        search.train(tiny_spec, recipe, data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
