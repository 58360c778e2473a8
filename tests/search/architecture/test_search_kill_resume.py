"""Killed at random moments, a search ends in the bits of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from bnas import search

#: Every step writes a checkpoint, so that many of the kills hit a write.
WORKER = """
import sys
import torch
from bnas import search
from bnas.search.architecture import steps

torch.set_num_threads(1)
steps.CHECKPOINT_INTERVAL_S = -1.0
saved = torch.load(sys.argv[1], weights_only=True)
images = search.ImageSet(*saved["images"], ("red", "blue"))
recipe = search.SearchRecipe.from_dict(saved["recipe"])
print("begins", flush=True)
search.search_cells(recipe, images, sys.argv[2],
                    progress=lambda metrics: print(type(metrics).__name__, flush=True))
"""
STEPS = 12


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


def kill(worker: subprocess.Popen[str], reports: int, seconds: float) -> int:
    """Kill it so many seconds after so many reports of steps and epochs, unless it ends before."""
    assert worker.stdout is not None
    for _ in range(reports):
        worker.stdout.readline()
    time.sleep(seconds)
    worker.send_signal(signal.SIGKILL)
    status = worker.wait()
    assert status in (0, -signal.SIGKILL)
    return status


def bits(directory: Path) -> dict[str, Any]:
    """Return all that a search leaves, but for the time it took."""
    state = search.load_checkpoint(directory / "checkpoint.pt")
    history = [{**record, "images_per_s": 0, "seconds": 0} for record in state["history"]]
    moments = {
        f"{name}.{index}.{slot}": value
        for name in ("optimizer", "arch_optimizer")
        for index, slots in state[name]["state"].items()
        for slot, value in slots.items()
    }
    files = {
        name: (directory / name).read_bytes()
        for name in ("genotype-gamma1.json", "genotype-gamma3.json", "recipe.json")
    }
    return {**state["model"], **moments, **files, "history": history}


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
    recipe: search.SearchRecipe,
    images: search.ImageSet,
) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.pt"
    torch.save({"images": (images.images, images.labels), "recipe": recipe.to_dict()}, path)
    return path


@pytest.fixture(scope="module")
def whole(plan: Path) -> tuple[dict[str, Any], float]:
    """What an uninterrupted search leaves, and how many seconds it takes."""
    with start(plan, plan.parent / "whole") as worker:
        begun = time.monotonic()
        assert worker.wait(timeout=300) == 0
    return bits(plan.parent / "whole"), time.monotonic() - begun


@pytest.mark.parametrize(
    "point", [0, 1, *(pytest.param(point, marks=pytest.mark.slow) for point in range(2, 20))]
)
def test_a_kill_at_a_random_moment_changes_no_bit_of_a_search(
    tmp_path: Path, plan: Path, whole: tuple[dict[str, Any], float], point: int
) -> None:
    expected, seconds = whole
    source = random.Random(point)
    statuses = []
    for _ in range(2):
        with start(plan, tmp_path) as worker:
            pause = 2 * seconds / STEPS * source.random()
            statuses.append(kill(worker, source.randrange(1, STEPS // 2), pause))
    assert statuses[0] == -signal.SIGKILL  # Half of the steps at most: it cannot have ended.
    with start(plan, tmp_path) as worker:
        assert worker.wait(timeout=300) == 0
    assert differences(bits(tmp_path), expected) == []
