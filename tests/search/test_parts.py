"""Files in parts: whole at any moment, whoever is killed and whatever fails."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas import search
from bnas.cells.atomic_file import remove_drafts
from bnas.search import parts
from bnas.search.checkpoint import save_checkpoint
from bnas.search.parts import read_parts, write_parts

OLD, NEW = bytes(range(100)), bytes(range(100, 230))


@given(content=st.binary(max_size=200), part_bytes=st.integers(1, 250))
def test_what_is_written_is_read(
    content: bytes, part_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("parts") / "checkpoint.pt"
    write_parts(path, content, part_bytes)
    assert read_parts(path) == content
    named = json.loads(path.read_text())["parts"]
    assert {path.name, *(part["name"] for part in named)} == set(os.listdir(path.parent))
    for part in named:
        piece = path.with_name(part["name"]).read_bytes()
        assert len(piece) == part["bytes"] <= part_bytes
        assert hashlib.sha256(piece).hexdigest() == part["sha256"]


def killed_before(operation: int, path: Path, content: bytes, part_bytes: int) -> bool:
    """Write in another process, which dies before it opens, renames or removes for the n-th time.

    Returns:
        False if there are fewer such operations.
    """
    with warnings.catch_warnings():
        # The child of a fork has one thread; it runs no torch.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        seen = 0

        def die(event: str, _: Any) -> None:
            nonlocal seen
            if event in ("open", "os.rename", "os.remove"):
                seen += 1
                if seen > operation:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(die)
            write_parts(path, content, part_bytes)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize(
    ("content", "part_bytes"),
    [(NEW, 30), (OLD, 50), (OLD, 30)],
    ids=["new content", "other parts", "the same"],
)
def test_a_kill_before_any_operation_leaves_the_old_or_the_new_content(
    tmp_path: Path, content: bytes, part_bytes: int
) -> None:
    path = tmp_path / "checkpoint.pt"
    write_parts(path, OLD, 30)
    found = []
    while killed_before(len(found), path, content, part_bytes):
        found.append(read_parts(path))
        remove_drafts(tmp_path)
        write_parts(path, OLD, 30)
        assert len(os.listdir(tmp_path)) == 5  # the manifest and four parts
    assert len(found) > 10
    assert found == sorted(found, key=[OLD, content].index)
    assert found[0] == OLD
    assert found[-1] == content
    assert read_parts(path) == content


def test_a_kill_leaves_the_file_or_the_parts_that_take_its_place(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    operation = 0
    while True:
        path.write_bytes(OLD)
        killed = killed_before(operation, path, NEW, 30)
        assert read_parts(path) == NEW if path.read_bytes() != OLD else killed
        if not killed:
            break
        operation += 1
    assert operation > 10


@pytest.mark.parametrize("failing", range(6))
def test_a_disk_that_is_full_in_the_middle_keeps_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    path = tmp_path / "checkpoint.pt"
    write_parts(path, OLD, 30)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    draft_of, seen = parts.draft_of, []

    def full(place: Path) -> Any:
        seen.append(place)
        if len(seen) > failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return draft_of(place)

    monkeypatch.setattr(parts, "draft_of", full)
    with pytest.raises(OSError, match="No space left"):
        write_parts(path, NEW, 30)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_parts_stay_where_the_manifest_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    write_parts(path, OLD, 30)
    before = set(os.listdir(tmp_path))
    path.write_text('{"kind": "another"}')
    with pytest.raises(search.CheckpointError, match="damaged manifest .*another"):
        read_parts(path)
    with pytest.raises(ValueError):
        write_parts(path, NEW, 0)
    assert set(os.listdir(tmp_path)) == before


def test_names_with_the_signs_of_patterns_are_names(tmp_path: Path) -> None:
    first, second = tmp_path / "run[1].pt", tmp_path / "run1.pt"
    for path in (second, first):
        write_parts(path, OLD, 30)
    write_parts(first, NEW, 30)
    assert read_parts(first) == NEW
    assert read_parts(second) == OLD
    assert len(list(tmp_path.iterdir())) == 11


@pytest.mark.parametrize("part_bytes", [0, -3])
def test_parts_of_nothing_are_refused(tmp_path: Path, part_bytes: int) -> None:
    with pytest.raises(search.CheckpointError, match=rf"`part_bytes` .*got {part_bytes}\)"):
        save_checkpoint(tmp_path / "c.pt", {}, part_bytes=part_bytes)
    assert not list(tmp_path.iterdir())
