"""Every kernel as machine code of three generations of GPUs, without one; checks that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bnas.binops.cuda import catalogue
from bnas.binops.cuda.compilation import compile_specimen, format_table, main, read_capability
from bnas.binops.cuda.compile_tools import CompileToolError, find_tool, run_tool
from bnas.binops.cuda.compiled import Compiled
from bnas.binops.cuda.launch import Specimen

CAPABILITIES = ((7, 5), (8, 0), (9, 0))
#: What no compiler can do in registers, and a kernel without the instruction that is expected.
BAD = """
import json
from numba import cuda, types
from bnas.binops.cuda.compilation import compile_specimen
from bnas.binops.cuda.launch import Specimen

WORDS = types.Array(types.uint32, 1, "C")

@cuda.jit(max_registers=24)
def crowded(words, out):
    values = cuda.local.array(64, types.uint32)
    for index in range(64):
        values[index] = words[index]
    cuda.syncthreads()
    for index in range(64):
        out[index] = values[63 - index]

@cuda.jit
def wandering(words, out):
    values = cuda.local.array(64, types.uint32)
    for index in range(64):
        values[index] = words[index]
    for index in range(words[64]):
        values[words[index]] += words[index + 7]
    out[0] = values[words[65]]

@cuda.jit
def plain(words, out):
    out[cuda.grid(1)] = words[cuda.grid(1)]

signature = (WORDS, WORDS)
found = [
    compile_specimen(Specimen("crowded", crowded, signature, {(9, 0): "LDG"}), (9, 0)),
    compile_specimen(Specimen("wandering", wandering, signature, {(9, 0): "LDG"}), (9, 0)),
    compile_specimen(Specimen("plain", plain, signature, {(9, 0): "BMMA"}), (9, 0)),
    compile_specimen(Specimen("thirsty", plain, signature, {}, most_registers=4), (9, 0)),
    compile_specimen(Specimen("good", plain, signature, {(9, 0): "LDG"}), (9, 0)),
]
print(json.dumps([each.to_dict() for each in found]))
"""


@pytest.fixture(autouse=True, scope="session")
def machine() -> str:
    """What runs here needs neither a GPU nor the simulator: once is enough."""
    return "none"


def without_simulator(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as on a machine with a GPU: the tests' own process has the simulator."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "0"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture(scope="module")
def compiled_for() -> Iterator[dict[str, Future[list[dict[str, Any]]]]]:
    """All kernels compiled for every capability, in two processes at the same time."""

    def compile_for(*names: str) -> list[dict[str, Any]]:
        options = [word for name in names for word in ("--capability", name)]
        done = without_simulator("-m", "bnas.binops.cuda.compilation", "--json", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    with ThreadPoolExecutor() as pool:
        yield {
            name: future
            for names in (("7.5",), ("8.0", "9.0"))
            for future in [pool.submit(compile_for, *names)]
            for name in names
        }


@pytest.mark.parametrize("capability", CAPABILITIES, ids="sm_{0[0]}{0[1]}".format)
def test_every_kernel_compiles_to_what_it_should(
    capability: tuple[int, int], compiled_for: Mapping[str, Future[list[dict[str, Any]]]]
) -> None:
    name = "{}.{}".format(*capability)
    found = [each for each in compiled_for[name].result() if each["capability"] == name]
    wanted = [each.name for each in catalogue.specimens() if capability in each.expects]
    assert [each["name"] for each in found] == wanted
    for each in found:
        assert each["problems"] == []
        assert 0 < each["registers"] <= 255
        assert each["warps"] >= 4
        assert each["expected_count"] > 0


def test_every_capability_has_specimens() -> None:
    expected = {capability for each in catalogue.specimens() for capability in each.expects}
    assert expected >= set(CAPABILITIES)


def test_what_does_not_hold_is_told() -> None:
    done = without_simulator("-c", BAD)
    assert done.returncode == 0, done.stderr
    crowded, wandering, plain, thirsty, good = json.loads(done.stdout)
    assert crowded["registers"] <= 24
    assert crowded["spill_store_bytes"] > 0
    assert crowded["problems"][0].startswith("spills ")
    assert wandering["problems"] == ["256 bytes of stack: something is not in registers"]
    assert plain["problems"] == ["no instruction begins with BMMA"]
    assert thirsty["problems"][0].endswith("registers, may take 4")
    assert good["problems"] == []
    assert good["instructions"]["LDG.E"] == good["expected_count"] == 1


def test_the_command_ends_with_1_where_something_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = sys.modules["bnas.binops.cuda.compilation"]
    wrong = compiled(problems=("no instruction begins with BMMA",))
    monkeypatch.setattr(module, "compile_all", lambda *_: [wrong])
    assert main(["--capability", "9.0"]) == 1
    assert "  ! no instruction begins with BMMA\n" in capsys.readouterr().out
    monkeypatch.setattr(module, "compile_all", lambda *_: [compiled()])
    assert main(["--capability", "9.0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["expected"] == "BMMA"
    assert main(["--only", "no such kernel"]) == 2
    assert capsys.readouterr().err.startswith("error: no specimen is for")


def test_the_simulator_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CompileToolError, match="NUMBA_ENABLE_CUDASIM=1"):
        compile_specimen(catalogue.specimens()[0], (9, 0))
    assert main([]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def compiled(**changes: object) -> Compiled:
    """A kernel of 40 registers, made up."""
    figures = {
        "name": "made up",
        "capability": (9, 0),
        "ptx": "",
        "registers": 40,
        "spill_store_bytes": 0,
        "spill_load_bytes": 0,
        "stack_bytes": 0,
        "shared_bytes": 128,
        "instructions": {"BMMA.168256.AND.POPC": 8, "BMMA": 1, "MOV": 3},
        "expected": "BMMA",
    }
    return Compiled(**{**figures, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("registers", "capability", "warps"),
    [
        (255, (9, 0), 8),  # 255 registers are given as 256
        (128, (9, 0), 16),
        (40, (9, 0), 51),
        (16, (9, 0), 64),
        (16, (8, 6), 48),
        (32, (7, 5), 32),
    ],
)
def test_warps_fit_by_registers(registers: int, capability: tuple[int, int], warps: int) -> None:
    assert compiled(registers=registers, capability=capability).warps == warps


def test_the_table_lines_up() -> None:
    table = format_table([compiled(), compiled(name="m", expected="", problems=("odd",))])
    assert table.splitlines() == [
        "kernel   registers  warps  spills  stack  shared  expected  times",
        "made up         40     51       0      0     128  BMMA          9",
        "m               40     51       0      0     128  -             -",
        "  ! odd",
    ]


def test_capabilities_are_read() -> None:
    assert read_capability("9.0") == (9, 0)
    assert read_capability("12.1") == (12, 1)
    for text in ("90", "sm_90", "9.", ""):
        with pytest.raises(Exception, match=r"must be like 9\.0"):
            read_capability(text)


def test_a_tool_that_is_nowhere_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("bnas.binops.cuda.compile_tools._in_wheels", lambda name: None)
    for name in ("PATH", "CUDA_HOME", "CUDA_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(CompileToolError, match=r"ptxas must be on PATH.*pip install nvidia-cuda"):
        find_tool("ptxas")
    tool = tmp_path / "bin" / "ptxas"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'no such  arch' >&2\nexit 3\n", encoding="utf-8")
    tool.chmod(0o755)
    assert find_tool("ptxas") == str(tool)
    with pytest.raises(CompileToolError, match=r"^ptxas refuses its input: no such arch$"):
        run_tool("ptxas")


def test_specimens_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = Specimen("twin", None, ())
    module = sys.modules["bnas.binops.cuda.probes"]
    monkeypatch.setattr(module, "specimens", lambda: [twin, twin])
    with pytest.raises(ValueError, match="different names"):
        catalogue.specimens()
