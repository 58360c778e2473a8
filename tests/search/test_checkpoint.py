from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from bnas import search
from bnas.search.checkpoint import check_same, load_checkpoint, save_checkpoint, write_text


def test_a_checkpoint_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"model": {"w": torch.arange(3.0)}, "epoch": 4})
    state = load_checkpoint(path)
    assert state["epoch"] == 4
    assert torch.equal(state["model"]["w"], torch.arange(3.0))
    assert os.listdir(tmp_path) == ["c.pt"]


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"epoch": 4})
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        save_checkpoint(path, {"epoch": lambda: 5})
    assert load_checkpoint(path)["epoch"] == 4
    assert os.listdir(tmp_path) == ["c.pt"]


def test_text_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    for text in ("first, long\n", "then\n"):
        write_text(path, text)
        assert path.read_text(encoding="utf-8") == text


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"model": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(search.CheckpointError, match="cannot be read") as caught:
        load_checkpoint(path)
    assert caught.value.path == path


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({"format": 1})])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(content)
    with pytest.raises(search.CheckpointError):
        load_checkpoint(path)


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("trapped",))


def test_loading_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "model": _Trap()}, "c.pt")
    with pytest.raises(search.CheckpointError, match="cannot be read"):
        load_checkpoint(Path("c.pt"))
    assert not Path("trapped").exists()


@pytest.mark.parametrize("state", [{"format": 99}, {"model": 1}, [1, 2]])
def test_another_format_is_refused(tmp_path: Path, state: object) -> None:
    path = tmp_path / "c.pt"
    torch.save(state, path)
    with pytest.raises(search.CheckpointError, match="must be a checkpoint of format 2"):
        load_checkpoint(path)


def test_every_difference_is_listed() -> None:
    before = {"recipe": {"epochs": 2, "seed": 0}, "spec": {"channels": 8}}
    after = {"recipe": {"epochs": 3, "seed": 0}, "spec": {"channels": 8, "skip": "none"}}
    with pytest.raises(search.CheckpointError, match="another configuration") as caught:
        check_same(Path("c.pt"), before, after)
    assert caught.value.differences == (
        "recipe.epochs: 2 in the checkpoint, 3 now",
        'spec.skip: nothing in the checkpoint, "none" now',
    )
    check_same(Path("c.pt"), before, before)
