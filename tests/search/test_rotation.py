"""The checkpoint before the last one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bnas.search import CheckpointError
from bnas.search.checkpoint import save_checkpoint
from bnas.search.rotation import load_newest, previous_of, rotate


def write(path: Path, number: int, part_bytes: int | None = None) -> None:
    rotate(path)
    save_checkpoint(path, {"number": number}, part_bytes=part_bytes)


@pytest.fixture(params=["links", "no links"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse)
    return tmp_path / "checkpoint.pt"


def test_there_is_none_at_first(path: Path) -> None:
    assert load_newest(path) is None
    rotate(path)
    assert list(path.parent.iterdir()) == []


def test_the_last_two_are_kept_and_nothing_else(path: Path) -> None:
    for number in range(4):
        write(path, number)
    found = load_newest(path)
    assert found is not None
    assert (found[0]["number"], found[1]) == (3, path)
    assert sorted(path.parent.iterdir()) == [previous_of(path), path]
    path.unlink()
    before = load_newest(path)
    assert before is not None
    assert (before[0]["number"], before[1]) == (2, previous_of(path))


def test_a_damaged_one_gives_way_and_two_are_an_error(path: Path) -> None:
    write(path, 0)
    write(path, 1)
    path.write_bytes(b"PK\3\4")
    found = load_newest(path)
    assert found is not None
    assert found[0]["number"] == 0
    previous_of(path).write_bytes(b"")
    with pytest.raises(CheckpointError, match="checkpoint.pt cannot be read") as caught:
        load_newest(path)
    assert caught.value.path == path


def test_rotating_twice_without_a_write_loses_nothing(path: Path) -> None:
    write(path, 0)
    write(path, 1)
    rotate(path)
    rotate(path)
    found = load_newest(path)
    assert found is not None
    assert found[0]["number"] == 1
    assert sorted(path.parent.iterdir()) == [previous_of(path), path]


def test_one_in_parts_is_left_as_it_is(path: Path) -> None:
    write(path, 0, part_bytes=200)
    write(path, 1, part_bytes=200)
    assert not previous_of(path).exists()
    found = load_newest(path)
    assert found is not None
    assert found[0]["number"] == 1
