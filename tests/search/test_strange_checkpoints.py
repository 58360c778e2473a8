"""Checkpoints with the right form and wrong contents are refused, and left as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bnas import cells, search

RECIPE = search.Recipe(epochs=2, batch_size=16, crop_padding=1, average_decay=0.9)


def drop_a_tensor(state: dict[str, Any]) -> None:
    del state["model"]["stem.conv.weight"]


def reshape_a_tensor(state: dict[str, Any]) -> None:
    state["model"]["stem.conv.weight"] = torch.zeros(1)


def change(**entries: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update(entries)


@pytest.mark.parametrize(
    "damage",
    [
        drop_a_tensor,
        reshape_a_tensor,
        change(identity={}),
        change(identity="x"),
        change(model=None),
        change(optimizer={}),
        change(average=None),
        change(average={}),
        change(history="none"),
        change(history=[{"epoch": 0}]),
        change(epoch="3"),
        change(epoch=-1),
        change(epoch=3),
        change(step=-1),
        change(step=100),
        change(tally=None),
        change(tally=[1.0]),
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
    assert caught.value.differences == ()
    assert path.read_bytes() == before
