"""Killed at random moments, writing a checkpoint or not, a run ends in the bits of a whole one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas import cells, search

#: 24 steps, each of which writes a checkpoint, so that many of the kills hit a write.
RECIPE = search.Recipe(
    epochs=4, batch_size=8, learning_rate=5e-3, crop_padding=1, drop_path=0.2, average_decay=0.9
)
WORKER = """
import sys
import torch
from bnas import cells, search
from bnas.search import epoch

torch.set_num_threads(1)
epoch.CHECKPOINT_INTERVAL_S = -1.0
saved = torch.load(sys.argv[1], weights_only=True)
parts = (search.ImageSet(*saved[name], ("red", "blue")) for name in ("train", "holdout"))
spec = cells.NetworkSpec.from_json(saved["spec"])
recipe = search.Recipe.from_dict(saved["recipe"])
options = search.RunOptions(part_bytes=int(sys.argv[3]) or None)
print("begins", flush=True)
search.train(spec, recipe, search.TrainingData(*parts), sys.argv[2], options=options,
             progress=lambda metrics: print(type(metrics).__name__, flush=True))
"""
STEPS = 24
#: Largest part of a checkpoint, which then has about ten.
PART_BYTES = 32_000


def start(plan: Path, out: Path, part_bytes: int = 0) -> subprocess.Popen[str]:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(plan), str(out), str(part_bytes)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "begins\n"
    return worker


def kill(worker: subprocess.Popen[str], reports: int, seconds: float) -> None:
    """Kill it so many seconds after so many reports of steps and epochs, unless it ends before."""
    assert worker.stdout is not None
    for _ in range(reports):
        worker.stdout.readline()
    time.sleep(seconds)
    worker.kill()
    assert worker.wait() in (0, -signal.SIGKILL)


def bits(directory: Path) -> dict[str, Any]:
    final = search.load_checkpoint(directory / "final.pt")
    history = [{**record, "images_per_s": 0, "seconds": 0} for record in final["history"]]
    return {**final["model"], "history": history, "top1": final["holdout_top1"]}


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    assert first.keys() == second.keys()
    return [
        name
        for name, value in first.items()
        if not (
            torch.equal(value, second[name])
            if isinstance(value, torch.Tensor)
            else value == second[name]
        )
    ]


@pytest.fixture(scope="module")
def plan(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.pt"
    saved = {
        "train": (data.train.images, data.train.labels),
        "holdout": (data.holdout.images, data.holdout.labels),
        "spec": attrs.evolve(tiny_spec, num_cells=3).to_json(),
        "recipe": RECIPE.to_dict(),
    }
    torch.save(saved, path)
    return path


@pytest.fixture(scope="module")
def whole(plan: Path) -> tuple[dict[str, Any], float]:
    """What an uninterrupted run leaves, and how many seconds it takes."""
    with start(plan, plan.parent / "whole") as worker:
        begun = time.monotonic()
        assert worker.wait(timeout=300) == 0
    return bits(plan.parent / "whole"), time.monotonic() - begun


@pytest.mark.parametrize(
    "point", [0, *(pytest.param(point, marks=pytest.mark.slow) for point in range(1, 20))]
)
def test_a_kill_at_a_random_moment_changes_no_bit(
    tmp_path: Path, plan: Path, whole: tuple[dict[str, Any], float], point: int
) -> None:
    expected, seconds = whole
    source = random.Random(point)
    part_bytes = PART_BYTES * (point % 2)  # every other run has its checkpoints in parts
    for _ in range(2 if point else 1):
        with start(plan, tmp_path, part_bytes) as worker:
            kill(worker, source.randrange(STEPS), 2 * seconds / STEPS * source.random())
    with start(plan, tmp_path, part_bytes) as worker:
        assert worker.wait(timeout=300) == 0
    assert differences(bits(tmp_path), expected) == []
