"""Killed at random moments, writing a checkpoint or not, a run ends in the bits of a whole one."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
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
from bnas.search import epoch_loop

torch.set_num_threads(1)
epoch_loop.CHECKPOINT_INTERVAL_S = -1.0
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


def bits(directory: Path) -> dict[str, Any]:
    final = search.load_checkpoint(directory / "final.pt")
    history = [{**record, "images_per_s": 0, "seconds": 0} for record in final["history"]]
    return {**final["model"], "history": history, "top1": final["holdout_top1"]}


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
def runs(killing: Callable[..., Any]) -> Any:
    return killing(WORKER, bits)


@pytest.fixture(scope="module")
def whole(runs: Any, plan: Path) -> tuple[dict[str, Any], float]:
    """What an uninterrupted run leaves, and how many seconds it takes."""
    directory = plan.parent / "whole"
    found: tuple[dict[str, Any], float] = runs.whole(directory, plan, directory, 0)
    return found


@pytest.mark.parametrize(
    "point", [0, *(pytest.param(point, marks=pytest.mark.slow) for point in range(1, 20))]
)
def test_a_kill_at_a_random_moment_changes_no_bit(
    tmp_path: Path, plan: Path, runs: Any, whole: tuple[dict[str, Any], float], point: int
) -> None:
    expected, seconds = whole
    source = random.Random(point)
    # Every other run has its checkpoints in parts.
    arguments = plan, tmp_path, PART_BYTES * (point % 2)
    pause = 2 * seconds / STEPS * source.random()
    killed = runs.kill(source.randrange(STEPS // 2), pause, *arguments, last=STEPS - 6)
    assert killed == -signal.SIGKILL
    if point:  # Near the end too, perhaps after it.
        runs.kill(source.randrange(STEPS), 2 * seconds / STEPS * source.random(), *arguments)
    runs.whole(tmp_path, *arguments)
    assert runs.differences(tmp_path, expected) == []
