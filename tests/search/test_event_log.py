from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import pytest

from bnas import cells, search
from bnas.search.event_log import EventLog

STEPS_PER_EPOCH = 40


def steps_of(directory: Path, tag: str) -> list[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorBoard's own imports.
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(str(directory))
    events.Reload()
    return [event.step for event in events.Scalars(tag)]


def write_steps(log: EventLog, steps: Iterable[int]) -> None:
    for step in steps:
        epoch, within = divmod(step, STEPS_PER_EPOCH)
        log.write(
            search.StepMetrics(
                epoch=epoch,
                step=within,
                steps_per_epoch=STEPS_PER_EPOCH,
                learning_rate=0.1,
                loss=1.0,
                images_per_s=10.0,
            )
        )


@pytest.mark.parametrize(
    ("interval", "written"), [(1, [0, 10, 20, 30, 40]), (7, [6, 13, 20, 34]), (20, [19, 39])]
)
def test_of_every_ten_steps_the_first_that_is_reported_is_written(
    tmp_path: Path, interval: int, written: list[int]
) -> None:
    log = EventLog(tmp_path, 0, STEPS_PER_EPOCH)
    write_steps(log, range(interval - 1, 41, interval))
    log.close()
    assert steps_of(tmp_path, "step/loss") == written


@pytest.mark.parametrize("resumed", [10, 25])
def test_a_resumed_log_has_the_steps_of_one(tmp_path: Path, resumed: int) -> None:
    first = EventLog(tmp_path, 0, STEPS_PER_EPOCH)
    write_steps(first, range(30))
    first.close()
    second = EventLog(tmp_path, resumed, STEPS_PER_EPOCH)
    write_steps(second, range(resumed, 45))
    second.close()
    assert steps_of(tmp_path, "step/loss") == [0, 10, 20, 30, 40]


KILLED = """
import os, signal, sys
from pathlib import Path
from bnas import search
from bnas.search.event_log import EventLog

log = EventLog(Path(sys.argv[1]), 0, 200)
for step in range(106):
    log.write(search.StepMetrics(epoch=0, step=step, steps_per_epoch=200, learning_rate=0.1,
                                 loss=1.0, images_per_s=10.0))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_loses_nothing_that_was_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    assert steps_of(tmp_path, "step/loss") == list(range(0, 101, 10))


def test_events_that_cannot_be_written_are_named(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    (tmp_path / "events").touch()
    recipe = search.Recipe(epochs=1, batch_size=16, crop_padding=1)
    options = search.RunOptions(event_log=True)
    with pytest.raises(search.CheckpointError, match=r"events cannot be written .File exists"):
        search.train(tiny_spec, recipe, data, tmp_path, options=options)
