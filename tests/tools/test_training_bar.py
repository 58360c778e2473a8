from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from bnas import search
from bnas.tools import run_bar
from bnas.tools.training_bar import TrainingBar


def step(epoch: int, number: int, **others: float) -> search.StepMetrics:
    metrics = {"learning_rate": 0.0125, "loss": 1.2345, "images_per_s": 900.0} | others
    return search.StepMetrics(epoch=epoch, step=number, steps_per_epoch=10, **metrics)


def epoch(number: int) -> search.EpochMetrics:
    return search.EpochMetrics(
        epoch=number,
        side=8,
        learning_rate=0.0125,
        loss=1.2345,
        train_top1=50.0,
        holdout_top1=61.25,
        images_per_s=900.0,
    )


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Make `wait(seconds)`, by which alone time passes."""
    now = [1000.0]
    monkeypatch.setattr(run_bar, "monotonic", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


@pytest.fixture(params=[80, 120])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(request.param))
    yield


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def run_epoch(bar: TrainingBar, number: int, wait: Callable[[float], None]) -> None:
    """Ten steps of a second each."""
    for each in range(10):
        wait(1.0)
        bar.show(step(number, each))
    bar.show(epoch(number))


def test_without_a_terminal_there_is_a_line_for_every_epoch(
    capsys: pytest.CaptureFixture[str], wait: Callable[[float], None]
) -> None:
    with TrainingBar(3) as bar:
        for number in range(3):
            run_epoch(bar, number, wait)
    out, err = capsys.readouterr()
    facts = "loss 1.234, training 50.00 %, held-out 61.25 %, learning rate 0.0125, 900 images/s"
    assert out == ""
    assert err.splitlines() == [
        f"epoch 1/3: {facts}, 0:00:20 left",
        f"epoch 2/3: {facts}, 0:00:10 left",
        f"epoch 3/3: {facts}",
    ]


def test_epochs_that_take_longer_are_reckoned_with(
    capsys: pytest.CaptureFixture[str], wait: Callable[[float], None]
) -> None:
    with TrainingBar(2, epoch_costs=[16**2, 32**2]) as bar:
        run_epoch(bar, 0, wait)
    assert capsys.readouterr().err.endswith("0:00:40 left\n")


def test_what_an_earlier_process_did_counts_as_no_speed(
    capsys: pytest.CaptureFixture[str], wait: Callable[[float], None]
) -> None:
    with TrainingBar(100) as bar:
        run_epoch(bar, 97, wait)
    assert capsys.readouterr().err.endswith("0:00:20 left\n")


def test_one_step_says_nothing_of_the_time_left(
    capsys: pytest.CaptureFixture[str], wait: Callable[[float], None]
) -> None:
    with TrainingBar(2) as bar:
        wait(60.0)
        bar.show(step(0, 9))
        bar.show(epoch(0))
    assert capsys.readouterr().err.endswith("900 images/s\n")


@pytest.mark.usefixtures("terminal")
def test_a_terminal_sees_everything_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingBar(13) as bar:
        bar.show(step(2, 9))
        bar.show(epoch(2))
        bar.show(step(3, 0, loss=0.5, learning_rate=1.25e-5))
    shown = plain(capsys.readouterr().err)
    assert "epoch 3/13: loss 1.234" in shown
    last = shown[shown.rindex("epoch 4/13") :].splitlines()[0]
    for word in ("loss 0.500", "lr 1.25e-05", "held-out 61.25 %", "900 images/s", "ETA"):
        assert word in last
    assert "nan" not in shown


@pytest.mark.usefixtures("terminal")
def test_a_terminal_that_cannot_move_its_cursor_gets_the_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with TrainingBar(13) as bar:
        bar.show(step(0, 9))
        bar.show(epoch(0))
    shown = plain(capsys.readouterr().err)
    assert shown.startswith("epoch 1/13: loss 1.234")
    assert "ETA" not in shown


@pytest.mark.usefixtures("terminal")
def test_throughput_is_smoothed(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingBar(2) as bar:
        bar.show(step(0, 0, images_per_s=1000.0))
        bar.show(step(0, 1, images_per_s=500.0))
    assert "950 images/s" in plain(capsys.readouterr().err)
