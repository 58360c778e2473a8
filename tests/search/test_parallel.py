"""Two gloo processes give what one gives with the doubled batch."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from torch import distributed

from bnas import cells, search
from bnas.search.device import choose_device
from bnas.search.parallel import Processes, join, own_gpu

_WORKER = """
import os, sys, torch
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
limit = float(sys.argv[3]) if sys.argv[3] else None
options = search.RunOptions(device="cpu", time_limit_s=limit)
exec(sys.argv[4])
search.train(spec, recipe, data, out / "run", options=options)
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _run_two(directory: Path, limit: str = "", before: str = "") -> list[tuple[int, str]]:
    """Run the worker in two processes, with the environment that torchrun sets.

    Args:
        directory: Holds recipe, specification and images.
        limit: Seconds after which to stop.
        before: Python to run before the training.

    Returns:
        Exit status and errors of each; one that does not end within two minutes is killed. After an
        error the status is 1, or now and then -6: torch aborts where its peer has gone first.
    """
    shared = {
        **os.environ,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
    }
    recipe = str(directory / "recipe.toml")
    command = [sys.executable, "-c", _WORKER, str(directory), recipe, limit, before]
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
    try:
        errors = [worker.communicate(timeout=120)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    return [(worker.returncode, said) for worker, said in zip(workers, errors, strict=True)]


def _train_by_two(directory: Path, limit: str = "") -> None:
    for status, errors in _run_two(directory, limit):
        assert status == 0, errors
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


def test_two_processes_record_the_averaged_gradient(
    plan: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    (plan / "recipe.toml").write_text("epochs = 1\nbatch_size = 16\nlearning_rate = 1e-4\n")
    for status, errors in _run_two(
        plan, before="options = search.RunOptions(device='cpu', gradient_log=True)"
    ):
        assert status == 0, errors
    recipe = search.load_recipe(plan / "recipe.toml")
    logged = search.RunOptions(gradient_log=True)
    search.train(tiny_spec, recipe, data, plan / "alone", options=logged)
    together, alone = (search.read_gradients(plan / name) for name in ("run", "alone"))
    assert (together.layers, together.epochs) == (alone.layers, (0,))
    np.testing.assert_allclose(together.values, alone.values, rtol=1e-3)


def test_two_processes_stop_and_go_on_together(plan: Path, tiny_spec: cells.NetworkSpec) -> None:
    (plan / "recipe.toml").write_text("epochs = 2\nbatch_size = 16\n")
    _train_by_two(plan, "0")
    state = search.load_checkpoint(plan / "run" / "checkpoint.pt")
    assert (state["epoch"], state["step"], state["tally"][2]) == (0, 1, 16)
    _train_by_two(plan)
    assert len(search.load_checkpoint(plan / "run" / "final.pt")["history"]) == 2


def test_processes_leave_no_thread_behind_that_could_need_python(plan: Path) -> None:
    (plan / "recipe.toml").write_text("epochs = 1\nbatch_size = 16\n")
    # What is registered first is called last.
    before = """
import atexit
def check():
    names = [task.read_text() for task in Path("/proc/self/task").glob("*/comm")]
    print(len(names), *names, file=sys.stderr)
    os._exit(3 if any("gloo" in name for name in names) else 0)
atexit.register(check)
"""
    for status, errors in _run_two(plan, "0", before):
        assert status == 0, errors
        assert re.match(r"\d+ python", errors), errors


def test_a_batch_is_shared_evenly() -> None:
    assert [Processes(rank, 2).share(16) for rank in (0, 1)] == [slice(0, 8), slice(8, 16)]
    with pytest.raises(search.RecipeError, match="multiple of the number of processes"):
        Processes(0, 3).share(16)
    assert attrs.evolve(Processes(1, 2), rank=0).leads


def test_what_diverges_in_one_process_stops_all(plan: Path) -> None:
    (plan / "recipe.toml").write_text("epochs = 2\nbatch_size = 16\n")
    before = """
from bnas.search import epoch
plain, steps = epoch.objective, []
def objective(*tensors, **settings):
    steps.append(0)
    loss = plain(*tensors, **settings)
    return loss * float("nan") if os.environ["RANK"] == "1" and len(steps) == 5 else loss
epoch.objective = objective
"""
    for status, errors in _run_two(plan, before=before):
        assert status != 0
        assert "DivergenceError: the loss is not finite at epoch 1, step 1" in errors
    assert search.load_checkpoint(plan / "run" / "checkpoint.pt")["epoch"] == 1


def test_statistics_that_diverge_in_one_process_stop_all(plan: Path) -> None:
    (plan / "recipe.toml").write_text("epochs = 2\nbatch_size = 16\n")
    before = """
from bnas.search import run
plain = run.Run.check_finite
def check_finite(self):
    if os.environ["RANK"] == "1":
        self.network.state_dict()["stem.bn.running_var"].fill_(float("inf"))
    plain(self)
run.Run.check_finite = check_finite
"""
    first, second = _run_two(plan, before=before)
    assert 0 not in (first[0], second[0])
    assert "DivergenceError: a parameter of another process is not finite" in first[1]
    assert "DivergenceError: `stem.bn.running_var` is not finite" in second[1]


@pytest.mark.parametrize("name", ["run", "run/checkpoint.pt"])
def test_what_the_leading_process_cannot_write_stops_all(plan: Path, name: str) -> None:
    (plan / "recipe.toml").write_text("epochs = 2\nbatch_size = 16\n")
    before = f"""
from bnas.search import run
plain = run.save_checkpoint
def save_checkpoint(path, state, **form):
    path.mkdir()  # In its place: it cannot be replaced.
    plain(path, state, **form)
run.save_checkpoint = save_checkpoint
if {name!r} == "run" and os.environ["RANK"] == "0":
    (out / "run").touch()
"""
    first, second = _run_two(plan, before=before)
    assert 0 not in (first[0], second[0])
    assert "CheckpointError" in first[1]
    assert "the leading process says why" not in first[1]
    assert (
        f"CheckpointError: {plan / name} cannot be written; the leading process says" in second[1]
    )


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for GPUs and processes that a test machine lacks; lists the calls, in order."""
    calls: list[str] = []

    def record(name: str, result: object = None) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            calls.append(" ".join(map(str, (name, *arguments, *named.values()))))
            return result

        return call

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "set_device", record("set_device"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", record("touch"))
    monkeypatch.setattr(distributed, "init_process_group", record("init"))
    monkeypatch.setattr(distributed, "get_rank", lambda: 3)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 4)
    monkeypatch.setattr("atexit.register", record("register"))
    return calls


@pytest.mark.parametrize("name", [None, "cuda", "cuda:1"])
def test_every_process_has_the_gpu_of_its_number(
    second_of_two: list[str], name: str | None
) -> None:
    recipe = search.Recipe(epochs=1)
    processes = join(choose_device(name, recipe))
    assert processes == Processes(3, 4, torch.device("cuda", 1))
    # It touches no other GPU, and says which is its own before the library asks.
    assert second_of_two[:3] == ["touch 1 cuda:1", "set_device cuda:1", "init nccl"]


def test_processes_on_a_cpu_touch_no_gpu(second_of_two: list[str]) -> None:
    processes = join(choose_device("cpu", search.Recipe(epochs=1)))
    assert processes == Processes(3, 4, torch.device("cpu"))
    assert second_of_two[:2] == ["touch 1 cpu", "init gloo"]


def test_one_gpu_for_several_processes_is_refused(second_of_two: list[str]) -> None:
    with pytest.raises(
        search.RecipeError, match=r"`device` must be 'cuda' .* here 1 .got 'cuda:0'"
    ):
        choose_device("cuda:0", search.Recipe(epochs=1))
    assert second_of_two == []


def test_a_single_process_has_the_gpu_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("LOCAL_RANK", "1")
    for name in ("cuda", "cuda:0"):
        assert own_gpu(torch.device(name)) == torch.device(name)
    assert join(torch.device("cuda:0")) == Processes(device=torch.device("cuda:0"))


def test_one_process_decides_alone() -> None:
    assert Processes().any_of(True, False) == (True, False)
    Processes().raise_together(None, Path("x"))
    failure = search.CheckpointError("full", Path("x"))
    with pytest.raises(search.CheckpointError, match="full"):
        Processes().raise_together(failure, Path("x"))
