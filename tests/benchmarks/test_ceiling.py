"""The ceiling's program: what it writes is read, and what hinders it is one line."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from benchmarks import ceiling
from benchmarks.c_compiler import CompilerError


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for a C compiler: "compiles" a shell script by copying it."""
    path = tmp_path / "compiler"
    path.write_text('#!/bin/sh\nset -e\ncp "$5" "$4"\nchmod +x "$4"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CC", str(path))
    return path


@pytest.mark.usefixtures("compiler")
def test_lines_of_json_are_read(tmp_path: Path) -> None:
    source = tmp_path / "loops.c"
    source.write_text('#!/bin/sh\necho \'{"name": "a", "bit_ops_per_cycle": 1.5, "ghz": 3.0}\'\n')
    assert ceiling.measure(source) == [{"name": "a", "bit_ops_per_cycle": 1.5, "ghz": 3.0}]


@pytest.mark.usefixtures("compiler")
def test_a_failure_is_one_line(tmp_path: Path) -> None:
    source = tmp_path / "loops.c"
    source.write_text("#!/bin/sh\necho bad >&2\necho luck >&2\nexit 3\n")
    with pytest.raises(CompilerError, match="ceiling failed: bad luck"):
        ceiling.measure(source)


def test_no_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(CompilerError, match="a C compiler is needed"):
        ceiling.measure()
