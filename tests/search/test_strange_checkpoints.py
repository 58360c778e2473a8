"""Checkpoints with the right form and wrong contents are refused, and left as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas import cells, search

RECIPE = search.Recipe(epochs=2, batch_size=16, crop_padding=1, average_decay=0.9)


def drop_a_tensor(state: dict[str, Any]) -> None:
    del state["model"]["stem.conv.weight"]


def reshape_a_tensor(state: dict[str, Any]) -> None:
    state["model"]["stem.conv.weight"] = torch.zeros(1)


def add_a_tensor(state: dict[str, Any]) -> None:
    state["model"]["stem.extra"] = torch.zeros(1)


def cast_a_tensor(state: dict[str, Any]) -> None:
    state["model"]["stem.conv.weight"] = state["model"]["stem.conv.weight"].double()


def replace_a_tensor(state: dict[str, Any]) -> None:
    state["model"]["stem.conv.weight"] = [1.0]


def reshape_the_average(state: dict[str, Any]) -> None:
    state["average"]["module.stem.conv.weight"] = torch.zeros(1)


def reshape_a_moment(state: dict[str, Any]) -> None:
    state["optimizer"]["state"][0]["exp_avg"] = torch.zeros(1)


def drop_a_moment(state: dict[str, Any]) -> None:
    del state["optimizer"]["state"][0]["exp_avg_sq"]


def widen_a_count(state: dict[str, Any]) -> None:
    state["optimizer"]["state"][0]["step"] = torch.ones(2)


def add_moments(state: dict[str, Any]) -> None:
    state["optimizer"]["state"][10**6] = {}


def drop_a_parameter(state: dict[str, Any]) -> None:
    state["optimizer"]["param_groups"][0]["params"].pop()


def drop_groups(state: dict[str, Any]) -> None:
    state["optimizer"]["param_groups"] = None


def replace_the_learning_rate(state: dict[str, Any]) -> None:
    state["optimizer"]["param_groups"][0]["lr"] = "high"


def finish_and_step(state: dict[str, Any]) -> None:
    state.update(epoch=2, step=1)


RECORD = {
    "epoch": 0,
    "side": 8,
    "learning_rate": 1.0,
    "loss": 1.0,
    "train_top1": 1.0,
    "holdout_top1": 1.0,
    "images_per_s": 1.0,
}


def change(**entries: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update(entries)


@pytest.mark.parametrize(
    "damage",
    [
        drop_a_tensor,
        reshape_a_tensor,
        add_a_tensor,
        cast_a_tensor,
        replace_a_tensor,
        reshape_the_average,
        reshape_a_moment,
        drop_a_moment,
        widen_a_count,
        add_moments,
        drop_a_parameter,
        drop_groups,
        replace_the_learning_rate,
        finish_and_step,
        change(identity={}),
        change(identity={"spec": "no JSON"}),
        change(identity={"spec": 3}),
        change(identity="x"),
        change(model=None),
        change(optimizer={}),
        change(average=None),
        change(average={}),
        change(history="none"),
        change(history=[{"epoch": 0}]),
        change(history=[RECORD]),
        change(epoch=1),
        change(epoch=1, history=[{**RECORD, "epoch": 1}]),
        change(epoch=1, history=[{**RECORD, "loss": "low"}]),
        change(epoch=1, history=[{**RECORD, "more": 1}]),
        change(epoch=1, history=[3]),
        change(epoch=True),
        change(epoch=torch.tensor(0)),
        change(epoch="3"),
        change(epoch=-1),
        change(epoch=3),
        change(step=-1),
        change(step=100),
        change(tally=None),
        change(tally=[1.0]),
        change(tally=[1.0, 2.0, "3"]),
        change(tally=[float("nan"), 1.0, 1.0]),
        change(seconds="long"),
    ],
)
def test_strange_contents_are_refused(
    damage: Callable[[dict[str, Any]], None],
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    search.train(tiny_spec, RECIPE, data, tmp_path, options=search.RunOptions(time_limit_s=0))
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    damage(state)
    torch.save(state, path)
    before = path.read_bytes()
    with pytest.raises(search.CheckpointError) as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).removeprefix(str(path))) < 250
    assert caught.value.differences == ()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_what_was_written_is_not_strange(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    optimizer: Any,
    momentum: float,
) -> None:
    recipe = attrs.evolve(RECIPE, optimizer=optimizer, momentum=momentum, schedule="cosine")
    stop = search.RunOptions(time_limit_s=0)
    while not search.train(tiny_spec, recipe, data, tmp_path, options=stop).completed:
        assert (tmp_path / "checkpoint.pt").is_file()
