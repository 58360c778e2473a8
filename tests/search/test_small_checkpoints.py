"""Checkpoints with bfloat16 moments, in parts, and on a disk that is full."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from bnas import cells, search
from bnas.search.checkpoint import save_checkpoint
from bnas.search.long_run import CHECKPOINT_NAME

RECIPE = search.Recipe(epochs=1, batch_size=16, crop_padding=1)


def state_of(value: float, size: int = 3000) -> dict[str, Any]:
    moments = {"exp_avg": torch.full((size,), value), "step": torch.tensor(3.0)}
    return {
        "model": {"weight": torch.full((size,), value)},
        "optimizer": {"state": {0: moments}, "param_groups": [{"lr": 0.1, "params": [0]}]},
    }


def test_moments_are_kept_in_bfloat16_and_come_back_in_float32(tmp_path: Path) -> None:
    whole, small = tmp_path / "whole.pt", tmp_path / "small.pt"
    save_checkpoint(whole, state_of(0.1))
    save_checkpoint(small, state_of(0.1), compact=True)
    assert small.stat().st_size < 0.8 * whole.stat().st_size
    found = search.load_checkpoint(small)
    moments = found["optimizer"]["state"][0]
    assert moments["exp_avg"].dtype == torch.float32
    assert torch.equal(moments["exp_avg"], torch.full((3000,), 0.1).bfloat16().float())
    assert float(moments["step"]) == 3.0
    assert torch.equal(found["model"]["weight"], torch.full((3000,), 0.1))


def test_parts_are_limited_and_older_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    for value in (1.0, 2.0):
        save_checkpoint(path, state_of(value), part_bytes=10_000)
        parts = sorted(tmp_path.glob("*.part"))
        assert len(parts) == len(json.loads(path.read_text())["parts"]) > 1
        assert all(part.stat().st_size <= 10_000 for part in parts)
        assert search.load_checkpoint(path)["model"]["weight"][0] == value
    save_checkpoint(path, state_of(3.0))
    assert sorted(tmp_path.iterdir()) == [path]
    assert search.load_checkpoint(path)["model"]["weight"][0] == 3.0


@pytest.mark.parametrize("damage", ["missing", "damaged", "manifest"])
def test_a_part_at_fault_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, state_of(1.0), part_bytes=10_000)
    part = sorted(tmp_path.glob("*.part"))[1]
    match damage:
        case "missing":
            part.unlink()
        case "damaged":
            part.write_bytes(b"x" + part.read_bytes()[1:])
        case _:
            path.write_text('{"parts": 3}')
    message = "damaged manifest" if damage == "manifest" else f"part {part.name}, which is {damage}"
    with pytest.raises(search.CheckpointError, match=message):
        search.load_checkpoint(path)


@pytest.mark.parametrize("part_bytes", [None, 10_000])
def test_a_full_disk_leaves_the_older_checkpoint_intact(
    tmp_path: Path, part_bytes: int | None
) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, state_of(1.0), part_bytes=part_bytes)
    before = sorted(file.name for file in tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
        with pytest.raises(search.CheckpointError, match="cannot be written") as caught:
            save_checkpoint(path, state_of(2.0), part_bytes=part_bytes)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "an older checkpoint is kept" in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == before
    assert search.load_checkpoint(path)["model"]["weight"][0] == 1.0


def test_a_run_goes_on_from_a_small_checkpoint(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    stop = search.RunOptions(time_limit_s=0, compact=True, part_bytes=20_000)
    search.train(tiny_spec, RECIPE, data, tmp_path, options=stop)
    assert len(list(tmp_path.glob("*.part"))) > 1
    go_on = search.RunOptions(compact=True, part_bytes=20_000)
    assert search.train(tiny_spec, RECIPE, data, tmp_path, options=go_on).completed
    assert search.load_checkpoint(tmp_path / CHECKPOINT_NAME)["epoch"] == 1


def test_what_a_killed_writer_left_is_removed(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    (tmp_path / ".bnas-0123456789abcdef.part").write_bytes(b"half a checkpoint")
    search.train(tiny_spec, RECIPE, data, tmp_path)
    assert not list(tmp_path.glob(".bnas-*"))
