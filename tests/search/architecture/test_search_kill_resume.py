"""Killed at random moments, a search ends in the bits of one that was not."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
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
from bnas.search import epoch_loop

torch.set_num_threads(1)
epoch_loop.CHECKPOINT_INTERVAL_S = -1.0
saved = torch.load(sys.argv[1], weights_only=True)
images = search.ImageSet(*saved["images"], ("red", "blue"))
recipe = search.SearchRecipe.from_dict(saved["recipe"])
print("begins", flush=True)
search.search_cells(recipe, images, sys.argv[2],
                    progress=lambda metrics: print(type(metrics).__name__, flush=True))
"""
STEPS = 12


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
def searches(killing: Callable[..., Any]) -> Any:
    return killing(WORKER, bits)


@pytest.fixture(scope="module")
def whole(searches: Any, plan: Path) -> tuple[dict[str, Any], float]:
    """What an uninterrupted search leaves, and how many seconds it takes."""
    directory = plan.parent / "whole"
    found: tuple[dict[str, Any], float] = searches.whole(directory, plan, directory)
    return found


@pytest.mark.parametrize(
    "point", [0, 1, *(pytest.param(point, marks=pytest.mark.slow) for point in range(2, 20))]
)
def test_a_kill_at_a_random_moment_changes_no_bit_of_a_search(
    tmp_path: Path, plan: Path, searches: Any, whole: tuple[dict[str, Any], float], point: int
) -> None:
    expected, seconds = whole
    source = random.Random(point)
    statuses = []
    for _ in range(2):
        pause = 2 * seconds / STEPS * source.random()
        reports = source.randrange(1, STEPS // 2)
        statuses.append(searches.kill(reports, pause, plan, tmp_path, last=STEPS - 2))
    assert statuses[0] == -signal.SIGKILL
    searches.whole(tmp_path, plan, tmp_path)
    assert searches.differences(tmp_path, expected) == []
