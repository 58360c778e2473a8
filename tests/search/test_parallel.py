"""Two gloo processes give what one gives with the doubled batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.search.parallel import Processes

_WORKER = """
import sys, torch
torch.set_num_threads(1)
from pathlib import Path
from bnas import cells, search
out, recipe = Path(sys.argv[1]), search.load_recipe(sys.argv[2])
images = torch.load(out / "images.pt")
data = search.TrainingData(
    train=search.ImageSet(images["train"], images["train_labels"], ("red", "blue")),
    holdout=search.ImageSet(images["holdout"], images["holdout_labels"], ("red", "blue")),
)
spec = cells.NetworkSpec.from_json((out / "spec.json").read_text())
limit = float(sys.argv[3]) if len(sys.argv) > 3 else None
options = search.RunOptions(device="cpu", time_limit_s=limit)
search.train(spec, recipe, data, out / "run", options=options)
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _train_by_two(directory: Path, *limit: str) -> None:
    """Run the worker in two processes, with the environment that torchrun sets."""
    shared = {
        **os.environ,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
    }
    recipe = str(directory / "recipe.toml")
    command = [sys.executable, "-c", _WORKER, str(directory), recipe, *limit]
    workers = [
        subprocess.Popen(
            command,
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=300)
        assert worker.returncode == 0, errors
        assert "Warning" not in errors


@pytest.fixture
def plan(tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData) -> Path:
    torch.save(
        {
            "train": data.train.images,
            "train_labels": data.train.labels,
            "holdout": data.holdout.images,
            "holdout_labels": data.holdout.labels,
        },
        tmp_path / "images.pt",
    )
    (tmp_path / "spec.json").write_text(tiny_spec.to_json())
    return tmp_path


_RECIPES = {
    "eager": "drop_path = 0.1\nmixup_strength = 0.2\n",
    "fused": 'engine = "fused"\nprecision = "bfloat16"\n',
}


@pytest.mark.parametrize("engine", sorted(_RECIPES))
def test_two_processes_equal_one_with_the_doubled_batch(
    plan: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData, engine: str
) -> None:
    # Few steps and a small rate: where a sign flips, rounding is no longer what one compares.
    text = f"epochs = 1\nbatch_size = 16\nlearning_rate = 1e-4\n{_RECIPES[engine]}"
    (plan / "recipe.toml").write_text(text)
    _train_by_two(plan)
    recipe = search.load_recipe(plan / "recipe.toml")
    alone = search.train(tiny_spec, recipe, data, plan / "alone")
    together = search.load_checkpoint(plan / "run" / "final.pt")
    reference = alone.network.state_dict()
    assert together["history"][0]["loss"] == pytest.approx(alone.history[0].loss, rel=1e-5)
    assert together["history"][0]["train_top1"] == alone.history[0].train_top1
    for name, value in together["model"].items():
        torch.testing.assert_close(value, reference[name], rtol=1e-3, atol=1e-5, msg=name)


def test_two_processes_stop_and_go_on_together(plan: Path, tiny_spec: cells.NetworkSpec) -> None:
    (plan / "recipe.toml").write_text("epochs = 2\nbatch_size = 16\n")
    _train_by_two(plan, "0")
    state = search.load_checkpoint(plan / "run" / "checkpoint.pt")
    assert (state["epoch"], state["step"], state["tally"][2]) == (0, 1, 16)
    _train_by_two(plan)
    assert len(search.load_checkpoint(plan / "run" / "final.pt")["history"]) == 2


def test_a_batch_is_shared_evenly() -> None:
    assert [Processes(rank, 2).share(16) for rank in (0, 1)] == [slice(0, 8), slice(8, 16)]
    with pytest.raises(search.RecipeError, match="multiple of the number of processes"):
        Processes(0, 3).share(16)
    assert attrs.evolve(Processes(1, 2), rank=0).leads
