"""How often the ends of epochs are saved where they follow each other within seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bnas import cells, search
from bnas.search import epoch as epoch_module
from bnas.search.run import Run

#: 3 steps an epoch of the 50 images.
RECIPE = search.Recipe(epochs=4, batch_size=16, learning_rate=5e-3, crop_padding=1)


class Interruption(Exception):
    """Stands for whatever ends a process in the middle."""


def model_of(directory: Path) -> dict[str, torch.Tensor]:
    model: dict[str, torch.Tensor] = search.load_checkpoint(directory / "final.pt")["model"]
    return model


def test_ends_of_epochs_are_saved_as_often_as_a_gpu_s(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    search.train(tiny_spec, RECIPE, data, tmp_path / "plain")
    written: list[int] = []
    write = Run.write

    def noted(run: Run, seconds: float, **named: Any) -> None:
        written.append(run.epoch)
        write(run, seconds, **named)

    monkeypatch.setattr(Run, "write", noted)
    monkeypatch.setattr(epoch_module, "end_checkpoint_interval_s", lambda device: 1e6)

    def stopping(metrics: object) -> None:
        if isinstance(metrics, search.StepMetrics) and metrics.epoch == 3:
            raise Interruption

    with pytest.raises(Interruption):
        search.train(tiny_spec, RECIPE, data, tmp_path / "rare", progress=stopping)
    assert written == [1]
    # Two epochs are trained again, to the same bits.
    search.train(tiny_spec, RECIPE, data, tmp_path / "rare")
    assert written == [1, 2, 4]
    plain = model_of(tmp_path / "plain")
    for name, value in model_of(tmp_path / "rare").items():
        assert torch.equal(value, plain[name]), name


def test_a_report_that_fails_costs_no_epoch_there_either(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    monkeypatch.setattr(epoch_module, "end_checkpoint_interval_s", lambda device: 1e6)

    def interrupted(metrics: object) -> None:
        if isinstance(metrics, search.EpochMetrics) and metrics.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.train(tiny_spec, RECIPE, data, tmp_path, progress=interrupted)
    assert search.load_checkpoint(tmp_path / "checkpoint.pt")["epoch"] == 3


def test_only_the_end_of_a_gpu_s_epoch_may_go_unsaved() -> None:
    assert epoch_module.end_checkpoint_interval_s(torch.device("cpu")) == 0
    assert epoch_module.end_checkpoint_interval_s(torch.device("cuda")) > 0
