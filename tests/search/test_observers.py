"""TensorBoard events and learning curves."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image

from bnas import cells, search
from bnas.search import epoch_loop
from bnas.search.curves import draw_curves
from bnas.search.event_log import EventLog
from bnas.search.run import Run

RECIPE = search.Recipe(epochs=2, batch_size=4, crop_padding=1)


def scalars(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """Return all scalars of a directory of events by tag, as (step, value)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorBoard's own imports.
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(str(directory))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_events_of_a_resumed_run_are_those_of_one(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    whole = search.RunOptions(event_log=True)
    result = search.train(tiny_spec, RECIPE, data, tmp_path / "whole", options=whole)
    seen: list[object] = []

    def interrupt(metrics: object) -> None:
        seen.append(metrics)
        if len(seen) == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.train(tiny_spec, RECIPE, data, tmp_path / "cut", options=whole, progress=interrupt)
    search.train(tiny_spec, RECIPE, data, tmp_path / "cut", options=whole)
    first, second = scalars(tmp_path / "whole" / "events"), scalars(tmp_path / "cut" / "events")
    assert set(first) == {
        "step/loss",
        "step/learning_rate",
        "step/images_per_s",
        "epoch/loss",
        "epoch/train_top1",
        "epoch/holdout_top1",
        "epoch/images_per_s",
    }
    for tag in ("step/loss", "step/learning_rate", "epoch/loss", "epoch/holdout_top1"):
        assert first[tag] == second[tag]
    assert [step for step, _ in first["step/loss"]] == [0, 10, 20]
    assert [step for step, _ in first["epoch/loss"]] == [11, 23]
    found = [value for _, value in first["epoch/loss"]]
    assert found == pytest.approx([record.loss for record in result.history])


@pytest.mark.parametrize("interval", [-1.0, 120.0])
@pytest.mark.parametrize("killed", ["before the checkpoint", "after the checkpoint"])
def test_a_kill_about_the_checkpoint_of_an_epoch_neither_loses_nor_doubles_its_events(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    killed: str,
    interval: float,
) -> None:
    monkeypatch.setattr(epoch_loop, "CHECKPOINT_INTERVAL_S", interval)
    options = search.RunOptions(event_log=True)
    whole_write = Run.write

    def write(run: Run, seconds: float, **how: bool) -> None:
        ends = (run.epoch, run.step) == (1, 0)
        if not ends or killed.startswith("after"):
            whole_write(run, seconds, **how)
        if ends:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", write)
        with pytest.raises(KeyboardInterrupt):
            search.train(tiny_spec, RECIPE, data, tmp_path, options=options)
    result = search.train(tiny_spec, RECIPE, data, tmp_path, options=options)
    found = scalars(tmp_path / "events")
    assert [step for step, _ in found["epoch/loss"]] == [11, 23]
    assert [step for step, _ in found["step/loss"]] == [0, 10, 20]
    wanted = [record.holdout_top1 for record in result.history]
    assert [value for _, value in found["epoch/holdout_top1"]] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("module", "extra"), [("tensorboard", "tensorboard"), ("matplotlib", "plot")]
)
def test_a_missing_extra_is_named_before_anything_is_trained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    module: str,
    extra: str,
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    options = search.RunOptions(event_log=extra == "tensorboard", curves=extra == "plot")
    with pytest.raises(search.MissingExtraError, match=rf"pip install 'bnas-search\[{extra}\]'"):
        search.train(tiny_spec, RECIPE, data, tmp_path, options=options)
    assert not (tmp_path / "checkpoint.pt").exists()


def history(count: int) -> tuple[search.EpochMetrics, ...]:
    return tuple(
        search.EpochMetrics(
            epoch=epoch,
            side=16 if epoch < count // 2 else 32,
            learning_rate=0.1 * (1 - epoch / count),
            loss=2.0 / (1 + epoch),
            train_top1=90 * epoch / count,
            holdout_top1=85 * epoch / count,
            images_per_s=100.0,
        )
        for epoch in range(count)
    )


@pytest.mark.parametrize("count", [1, 12])
def test_a_curve_is_drawn_the_same_every_time(tmp_path: Path, count: int) -> None:
    for name in ("a.png", "b.png"):
        draw_curves(history(count), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1080, 960)
        assert len(picture.convert("RGB").getcolors(2**20)) > 50
    draw_curves(history(count), tmp_path / "c.svg")
    assert "held-out images" in (tmp_path / "c.svg").read_text(encoding="utf-8")


def test_a_curve_that_cannot_be_drawn_costs_no_result(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    (tmp_path / "curves.png").mkdir()
    with pytest.raises(OSError):
        search.train(tiny_spec, RECIPE, data, tmp_path, options=search.RunOptions(curves=True))
    assert search.load_checkpoint(tmp_path / "final.pt")["holdout_images"] == 30


def test_a_run_draws_its_curve_when_it_stops(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    search.train(tiny_spec, RECIPE, data, tmp_path, options=search.RunOptions(curves=True))
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_events_go_where_they_are_told(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "deep" / "events", 0, 12)
    log.write(history(1)[0])
    log.close()
    assert scalars(tmp_path / "deep" / "events")["epoch/loss"] == [(11, 2.0)]
