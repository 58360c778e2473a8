from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from bnas import cells, search
from bnas.search import CheckpointError
from bnas.search.lock import locked


def test_a_second_run_is_kept_out_until_the_first_has_ended(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(CheckpointError, match="`out_dir` is in use by another run") as caught,
        locked(tmp_path),
    ):
        pass
    assert caught.value.path == tmp_path
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        pass


def test_an_error_lifts_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from bnas.search.lock import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(CheckpointError), locked(tmp_path):
            pass
        process.kill()
        process.wait()
    with locked(tmp_path):
        pass


RECIPE = search.Recipe(epochs=1, batch_size=16, crop_padding=1)


def test_of_two_runs_in_one_directory_the_second_is_refused(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    refused: list[search.CheckpointError] = []

    def begin_another(_: object) -> None:
        (tmp_path / ".bnas-0123456789abcdef.part").touch()  # as if the first were writing
        with pytest.raises(search.CheckpointError) as caught:
            search.train(tiny_spec, RECIPE, data, tmp_path)
        assert (tmp_path / ".bnas-0123456789abcdef.part").exists()
        refused.append(caught.value)

    search.train(tiny_spec, RECIPE, data, tmp_path, progress=begin_another)
    assert {error.path for error in refused} == {tmp_path}
    assert "in use by another run" in str(refused[0])
    names = {".bnas-0123456789abcdef.part", "checkpoint.pt", "final.pt", "metrics.csv"}
    assert {file.name for file in tmp_path.iterdir()} == names
    assert search.train(tiny_spec, RECIPE, data, tmp_path).completed


@pytest.mark.parametrize("out", ["file", "file/within"])
def test_a_directory_that_cannot_be_made_is_named(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData, out: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        search.CheckpointError, match=f"`out_dir` must be .*{out}: (File exists|Not a directory)"
    ):
        search.train(tiny_spec, RECIPE, data, tmp_path / out)


@pytest.mark.parametrize("call", ["bnas.search.lock.FileLock", "bnas.search.lock.remove_drafts"])
def test_a_directory_that_cannot_be_written_to_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    call: str,
) -> None:
    class Denied:
        def __init__(self, _: Path) -> None:
            if call.endswith("remove_drafts"):
                self.acquire()

        def acquire(self, timeout: float = 0) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(call, Denied)
    with pytest.raises(
        search.CheckpointError, match=f"`out_dir` must be .*{tmp_path}: Permission denied"
    ):
        search.train(tiny_spec, RECIPE, data, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["metrics.csv", "final.pt", "checkpoint.pt"])
def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData, name: str
) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(search.CheckpointError, match=r"cannot be .*directory") as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path)
    assert caught.value.path == tmp_path / name
