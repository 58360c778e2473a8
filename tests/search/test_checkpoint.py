from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from collections.abc import Callable
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


def zipped(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, b"hello")
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        pickle.dumps({"format": 2}),
        zipped("letter.txt"),
        zipped("archive/data.pkl"),
        b"PK\x03\x04 cut off",
    ],
)
@pytest.mark.parametrize("form", [str, Path])
def test_other_files_are_refused_in_our_words(
    tmp_path: Path, content: bytes, form: Callable[[Path], str | Path]
) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(content)
    with pytest.raises(
        search.CheckpointError, match="cannot be read as a checkpoint: it"
    ) as caught:
        load_checkpoint(form(path))
    assert caught.value.path == path
    told = str(caught.value).removeprefix(str(path))
    assert len(told) < 120
    assert not re.search("torch|weights_only|PytorchStream|pickle|\\n", told)


@pytest.mark.parametrize("out", ["absent.pt", "folder"])
def test_what_is_no_file_is_named(tmp_path: Path, out: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        search.CheckpointError, match=f"{out} cannot be read .*(No such file|Is a directory)"
    ):
        load_checkpoint(tmp_path / out)


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("trapped",))


def test_loading_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "model": _Trap()}, "c.pt")
    with pytest.raises(search.CheckpointError, match="other things than tensors") as caught:
        load_checkpoint(Path("c.pt"))
    assert "weights_only" not in str(caught.value)
    assert not Path("trapped").exists()


@pytest.mark.parametrize(
    "state",
    [{"format": 99}, {"format": "2"}, {"format": torch.zeros(3)}, {"model": 1}, [1, 2]],
)
def test_another_format_is_refused(tmp_path: Path, state: object) -> None:
    path = tmp_path / "c.pt"
    torch.save(state, path)
    with pytest.raises(search.CheckpointError, match="must be a checkpoint of format 2"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "optimizer", [None, {}, {"state": [1]}, {"state": {0: 3}}, {"state": {0: {"exp_avg": "x"}}}]
)
def test_no_state_of_an_optimizer_is_refused(tmp_path: Path, optimizer: object) -> None:
    torch.save({"format": 2, "optimizer": optimizer}, tmp_path / "c.pt")
    with pytest.raises(search.CheckpointError, match="no state of an optimizer"):
        load_checkpoint(tmp_path / "c.pt")


def test_every_difference_is_listed() -> None:
    before = {"recipe": {"epochs": 2, "seed": 0}, "spec": {"channels": 8}}
    after = {"recipe": {"epochs": 3, "seed": 0}, "spec": {"channels": 8, "skip": "none"}}
    with pytest.raises(search.CheckpointError, match="another configuration") as caught:
        check_same(Path("c.pt"), before, after)
    assert caught.value.differences == (
        "recipe.epochs: 2 in the checkpoint, 3 now",
        'spec.skip: nothing in the checkpoint, "none" now',
    )
    assert str(caught.value).splitlines() == [
        "c.pt belongs to another configuration:",
        "  - recipe.epochs: 2 in the checkpoint, 3 now",
        '  - spec.skip: nothing in the checkpoint, "none" now',
        "  - remedy: use another directory, or the settings of the checkpoint",
    ]
    check_same(Path("c.pt"), before, before)


def test_a_whole_number_is_the_same_as_a_float() -> None:
    numbers = {"decay": 0, "stages": [[1, 32]]}
    check_same(Path("c.pt"), numbers, {"decay": 0.0, "stages": [[1.0, 32]]})
    with pytest.raises(search.CheckpointError, match=r"decay: 0 in the checkpoint, 0\.1 now"):
        check_same(Path("c.pt"), numbers, {**numbers, "decay": 0.1})


def test_a_configuration_of_anything_is_compared() -> None:
    with pytest.raises(search.CheckpointError, match="epochs"):
        check_same(Path("c.pt"), {"epochs": torch.zeros(3), 4: {}}, {"epochs": 2})


def test_a_text_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").mkdir()
    with pytest.raises(search.CheckpointError, match=r"m\.csv cannot be written .Is a directory"):
        write_text(tmp_path / "m.csv", "text")
