"""Killed at random moments, writing a checkpoint or not, a run ends in the bits of a whole one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas import cells, search

#: Every step writes a checkpoint, so that about half of the kills hit a write.
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
print("begins", flush=True)
search.train(spec, recipe, search.TrainingData(*parts), sys.argv[2])
"""


def start(plan: Path, out: Path) -> subprocess.Popen[str]:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(plan), str(out)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "begins\n"
    return worker


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
    kills = 0
    finished = False
    while not finished:
        with start(plan, tmp_path) as worker:
            # The first kill comes anywhere; should there be a second start, let it end in time.
            limit = 300 if kills else seconds * source.random()
            try:
                worker.wait(timeout=limit)
            except subprocess.TimeoutExpired:
                worker.kill()
                kills += 1
            finished = worker.wait() == 0
    assert differences(bits(tmp_path), expected) == []
