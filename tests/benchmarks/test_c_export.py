"""The exported C file is compiled, measured and shown; what hinders it is one line."""

from __future__ import annotations

import shutil

import pytest

from benchmarks import c_export
from benchmarks.c_compiler import CompilerError
from benchmarks.tables import TABLES


def test_sizes_and_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_export, "FLAGS", (("-O0",),))
    told: list[str] = []
    document = c_export.measure(1, told.append, ("BNAS-Mini",), turn_s=0.01)
    assert told == ["BNAS-Mini: compiling", "BNAS-Mini: turn 1 of 1"]
    (network,) = document["networks"]
    (build,) = network["builds"]
    assert build["flags"] == "-O0"
    assert 0 < network["packed_ms"] < build["min_ms"]
    # Besides the tables there are the parameters of kernels and the names of the classes.
    assert network["table_bytes"] <= build["constant_bytes"] < 1.02 * network["table_bytes"]
    assert network["static_bytes"] <= build["ram_bytes"] < 1.02 * network["static_bytes"]
    assert 0 < build["code_bytes"] < 100_000
    head, _, first, packed = TABLES["c_export"].rows(document, {})
    assert head.startswith("| network | compiled with | ms, least |")
    assert first.startswith("| BNAS-Mini | `-O0` |")
    assert packed.startswith("| BNAS-Mini | packed, Python |")
    assert len({line.count("|") for line in (head, first, packed)}) == 1


def test_no_tool_for_sizes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "size" else which(name))
    with pytest.raises(CompilerError, match="`size`"):
        c_export.measure(1, lambda line: None, ("BNAS-Mini",))
