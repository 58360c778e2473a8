from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bnas.search import CheckpointError
from bnas.search.lock import locked


def test_a_second_run_is_kept_out_until_the_first_has_ended(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(CheckpointError, match="no other run is at work") as caught,
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
