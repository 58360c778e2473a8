"""The sums of |gradient| of a run, and that no interruption changes a bit of them."""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bnas import cells, search
from bnas.cells.nn import Network
from bnas.search import epoch_loop
from bnas.search.checkpoint import save_checkpoint
from bnas.search.gradient_history import GRADIENTS_NAME
from bnas.search.gradient_log import GradientLog
from bnas.search.run import Run

#: 3 steps an epoch of the 50 images.
RECIPE = search.Recipe(epochs=2, batch_size=16, learning_rate=5e-3, crop_padding=1)
STEPS = 3
LOG = search.RunOptions(gradient_log=True)
STOP = search.RunOptions(gradient_log=True, time_limit_s=0)


class Interruption(Exception):
    """Stands for whatever ends a process in the middle."""


@pytest.fixture
def gradients_met(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """Return what the optimizer of every step is given, by layer: filled while a run goes."""
    found: list[dict[str, float]] = []
    networks: list[Network] = []
    start = Run.start

    def started(*arguments: Any) -> Run:
        run = start(*arguments)
        networks.append(run.network)
        take = run.optimizer.step

        def step(*_: Any) -> None:
            weights = {n: m.weight for n, m in networks[-1].named_modules() if is_conv(m)}
            found.append({n: float(w.grad.double().abs().sum()) for n, w in weights.items()})
            take()

        run.optimizer.step = step
        return run

    monkeypatch.setattr(Run, "start", started)
    return found


def is_conv(module: torch.nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.ndim == 4


def text_of(directory: Path) -> bytes:
    return (directory / GRADIENTS_NAME).read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"official_gradient": True, "optimizer": "sgd", "weight_decay": 0.1},
        {"engine": "fused", "precision": "bfloat16"},
        {"binarize": "none"},
    ],
)
def test_it_holds_what_the_optimizer_is_given(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    gradients_met: list[dict[str, float]],
    changes: dict[str, Any],
) -> None:
    recipe = attrs.evolve(RECIPE, **changes)
    result = search.train(tiny_spec, recipe, data, tmp_path, options=LOG)
    found = search.read_gradients(tmp_path)
    assert found.epochs == (0, 1)
    convs = [node for node in result.network.graph if isinstance(node, cells.nodes.Conv)]
    assert found.layers == tuple(node.name for node in convs)
    kinds = ["binary" if isinstance(node, cells.nodes.BinaryConv) else "real" for node in convs]
    assert list(found.kinds) == kinds
    assert ("binary" in kinds) == (recipe.binarize == "all")
    for epoch in found.epochs:
        steps = gradients_met[STEPS * epoch : STEPS * (epoch + 1)]
        expected = [sum(step[name] for step in steps) / STEPS for name in found.layers]
        np.testing.assert_allclose(found.at(epoch), expected, rtol=1e-5)
    assert found.values.max() > 0


def test_clipping_comes_after_it_and_the_result_is_as_without(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    for name, clip in (("whole", 0.0), ("clipped", 1e-9)):
        recipe = attrs.evolve(RECIPE, epochs=1, gradient_clip=clip, optimizer="sgd")
        search.train(tiny_spec, recipe, data, tmp_path / name, options=LOG)
    whole, clipped = (search.read_gradients(tmp_path / each) for each in ("whole", "clipped"))
    assert clipped.values.min() > 1e-3 * whole.values.min() > 0
    recipe = attrs.evolve(RECIPE, epochs=1, optimizer="sgd")
    without = search.train(tiny_spec, recipe, data, tmp_path / "without")
    logged = search.load_checkpoint(tmp_path / "whole" / "final.pt")["model"]
    for name, tensor in without.network.state_dict().items():
        assert torch.equal(tensor, logged[name])
    assert not (tmp_path / "without" / GRADIENTS_NAME).exists()
    assert "gradients" not in search.load_checkpoint(tmp_path / "without" / "checkpoint.pt")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # The compiler's own.
def test_torch_compile_gives_nearly_the_same(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    found = []
    for engine in ("eager", "compiled"):
        recipe = attrs.evolve(RECIPE, epochs=1, engine=engine, learning_rate=1e-5)
        search.train(tiny_spec, recipe, data, tmp_path / engine, options=LOG)
        found.append(search.read_gradients(tmp_path / engine))
    np.testing.assert_allclose(found[0].values, found[1].values, rtol=0.02)


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> bytes:
    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp("whole")
    search.train(tiny_spec, RECIPE, data, directory, options=LOG)
    return text_of(directory)


def test_stopped_after_every_step_it_is_the_same(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData, whole: bytes
) -> None:
    starts = 0
    while not search.train(tiny_spec, RECIPE, data, tmp_path, options=STOP).completed:
        starts += 1
    assert starts >= 2 * STEPS - 2
    assert text_of(tmp_path) == whole


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_what_ends_a_run_before_its_table_is_written_loses_nothing(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    whole: bytes,
    monkeypatch: pytest.MonkeyPatch,
    writes: int,
) -> None:
    left = [writes]
    write = Run.write_gradients

    def ended(run: Run) -> None:
        left[0] -= 1
        if not left[0]:
            raise Interruption
        write(run)

    monkeypatch.setattr(Run, "write_gradients", ended)
    with pytest.raises(Interruption):
        search.train(tiny_spec, RECIPE, data, tmp_path, options=LOG)
    search.train(tiny_spec, RECIPE, data, tmp_path, options=LOG)
    assert text_of(tmp_path) == whole


def test_a_step_that_is_done_twice_counts_once(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    whole: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(epoch_loop, "CHECKPOINT_INTERVAL_S", -1.0)
    for steps in (2, 1, 3):
        left = [steps]

        def progress(metrics: object, left: list[int] = left) -> None:
            left[0] -= isinstance(metrics, search.StepMetrics)
            if not left[0]:
                raise Interruption  # The step is done, and its checkpoint not yet written.

        with pytest.raises(Interruption):
            search.train(tiny_spec, RECIPE, data, tmp_path, options=LOG, progress=progress)
    search.train(tiny_spec, RECIPE, data, tmp_path, options=LOG)
    assert text_of(tmp_path) == whole


def test_an_epoch_that_was_recorded_in_part_is_left_out_and_earlier_ones_stay(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    recipe = attrs.evolve(RECIPE, epochs=4)

    def steps(count: int, wanted: bool) -> None:
        for _ in range(count):
            options = search.RunOptions(time_limit_s=0, gradient_log=wanted)
            search.train(tiny_spec, recipe, data, tmp_path, options=options)

    steps(1, False)  # Its checkpoint is as one of an older version.
    steps(6, True)
    before = text_of(tmp_path)
    steps(1, False)
    assert text_of(tmp_path) == before
    search.train(tiny_spec, recipe, data, tmp_path, options=LOG)
    assert search.read_gradients(tmp_path).epochs == (1, 3)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", ["stem.conv"]),
        ("epochs", [1]),
        ("epochs", [0, 0]),
        ("steps", 4),
        ("steps", True),
        ("values", torch.zeros(1)),
        ("sums", None),
        ("sums", torch.zeros(1, dtype=torch.float64)),
    ],
)
def test_a_damaged_tally_is_refused(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    key: str,
    value: object,
) -> None:
    search.train(tiny_spec, RECIPE, data, tmp_path, options=STOP)
    path = tmp_path / "checkpoint.pt"
    state = search.load_checkpoint(path)
    state["gradients"][key] = value
    save_checkpoint(path, {name: each for name, each in state.items() if name != "format"})
    with pytest.raises(search.CheckpointError, match=rf"damaged: its gradients\.{key} must be"):
        search.train(tiny_spec, RECIPE, data, tmp_path, options=LOG)


def test_weights_that_nothing_reads_count_as_zero(tiny_spec: cells.NetworkSpec) -> None:
    network = Network(tiny_spec)
    log = GradientLog(network)
    network.get_submodule("stem.conv").weight.grad = torch.full_like(
        network.get_submodule("stem.conv").weight, -0.5
    )
    log.add()
    log.end_epoch(0, 1)
    found = log.history
    assert found.at(0)[0] == 0.5 * network.get_submodule("stem.conv").weight.numel()
    assert not found.at(0)[1:].any()


@given(
    values=st.lists(
        st.lists(st.floats(0, allow_infinity=True), min_size=2, max_size=2), max_size=5
    ),
    first=st.integers(0, 10**6),
)
def test_a_table_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[list[float]], first: int
) -> None:
    epochs = tuple(range(first, first + len(values)))
    array = np.array(values, dtype=np.float64).reshape(len(values), 2)
    history = search.GradientHistory(("a", "cells.0,b"), ("real", "binary"), epochs, array)
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_text(history.to_csv())
    found = search.read_gradients(path)
    assert (found.epochs, found.values.tobytes()) == (epochs, array.tobytes())
    if epochs:
        assert (found.layers, found.kinds) == (history.layers, history.kinds)


HEAD = "epoch,index,layer,kind,sum_abs_gradient\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 must be the header"),
        ("epoch,loss\n0,1\n", "line 1 must be the header"),
        (HEAD + "0,0,stem,real\n", "line 2 must be five values"),
        (HEAD + "0,0,stem,real,x\n", "line 2 must be five values"),
        (HEAD + "0,0,stem,large,1\n", "a kind of"),
        (HEAD + "0,0,stem,real,-1\n", "a sum >= 0"),
        (HEAD + "0,1,stem,real,1\n", "line 2 must be the next layer"),
        (HEAD + "0,0,a,real,1\n1,0,b,real,1\n", "line 3 must be the next layer"),
        (HEAD + "0,0,a,real,1\n0,1,b,real,1\n1,0,a,real,1\n", "line 4 must be the last of 2"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(search.RecordError, match=re.escape(message)) as caught:
        search.read_gradients(path)
    assert caught.value.path == path


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(search.RecordError, match=r"gradients\.csv cannot be read \(No such file"):
        search.read_gradients(tmp_path)
    history = search.GradientHistory(("a",), ("real",), (3,), [[1.0]])
    with pytest.raises(ValueError, match=r"`epoch` must be one that was recorded, 3 to 3 \(got 0"):
        history.at(0)
    with pytest.raises(ValueError, match="`values` must be of shape"):
        search.GradientHistory(("a", "b"), ("real", "real"), (3,), [[1.0]])


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
print("begins", flush=True)
search.train(spec, recipe, search.TrainingData(*parts), sys.argv[2],
             options=search.RunOptions(gradient_log=True),
             progress=lambda metrics: print(type(metrics).__name__, flush=True))
"""


@pytest.mark.parametrize(
    "point", [0, *(pytest.param(point, marks=pytest.mark.slow) for point in range(1, 10))]
)
def test_a_kill_at_a_random_moment_changes_no_bit(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    whole: bytes,
    killing: Callable[..., Any],
    point: int,
) -> None:
    saved = {
        "train": (data.train.images, data.train.labels),
        "holdout": (data.holdout.images, data.holdout.labels),
        "spec": tiny_spec.to_json(),
        "recipe": RECIPE.to_dict(),
    }
    torch.save(saved, tmp_path / "plan.pt")
    runs = killing(WORKER, lambda directory: {"table": text_of(directory)})
    source = random.Random(point)
    arguments = tmp_path / "plan.pt", tmp_path / "run"
    killed = runs.kill(source.randrange(STEPS), 0.02 * source.random(), *arguments, last=STEPS + 1)
    assert killed == -signal.SIGKILL
    if point:  # Near the end too, perhaps after it.
        runs.kill(source.randrange(2 * STEPS), 0.02 * source.random(), *arguments)
    runs.whole(tmp_path / "run", *arguments)
    assert text_of(tmp_path / "run") == whole
