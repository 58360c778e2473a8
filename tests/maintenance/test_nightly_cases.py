"""The cases of a nightly run are counted, not assumed; every family of kernels gets its part."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from maintenance.nightly import accuracy_lane, coverage_lane
from maintenance.nightly.coverage_lane import FLOORS, INTERPRETED, by_folder, percents, shortfalls
from maintenance.nightly.families import FAMILIES, FOLDER, family_of, files

ROOT = Path(__file__).parents[2]


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_tests_of_a_family_are_there(family: str) -> None:
    for test in FAMILIES[family]:
        name, _, function = test.partition("::")
        assert function in functions(ROOT / FOLDER / name), test


def test_a_test_has_one_family_whatever_its_parameters() -> None:
    everything = [test for tests in FAMILIES.values() for test in tests]
    assert len(set(everything)) == len(everything)
    assert family_of("tests/binops/test_widths.py::test_planes_of_tapes[avx2]") == "tapes"
    assert family_of("tests/binops/test_pack.py::test_read_only_input_is_read") is None
    assert "tests/binops/test_sliced.py" in files()


#: Tests by the names of the family "gemm": one rejects, one has a number of its own, one knows
#: backends. Nothing is compiled for them.
SMALL = {
    "test_matmul.py": """
from hypothesis import assume, given, settings, strategies as st

@settings(deadline=None)
@given(number=st.SPACE)
def test_gemm_equals_the_oracle(number):
    assume(number != 7)

@settings(deadline=None, max_examples=3)
@given(number=st.integers())
def test_packed_operands_give_the_same(number):
    assert number == number

def test_another():
    raise AssertionError("not of the family")
""",
    "test_widths.py": """
import os, pytest
from hypothesis import given, strategies as st

@pytest.mark.parametrize("backend", ["portable", "avx2"])
@given(number=st.integers())
def test_gemm(backend, number):
    assert (backend, os.environ["BNAS_BINOPS_BACKEND"]) == ("portable", "portable")
""",
}


def run_small(folder: Path, space: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run the lane over `SMALL`, and return what it wrote."""
    (folder / FOLDER).mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    for name, text in SMALL.items():
        path = folder / FOLDER / name
        path.write_text(text.replace("SPACE", space), encoding="utf-8")
    command = [sys.executable, "-m", "maintenance.nightly.hypothesis_lane", "--backend", "portable"]
    given = {"PYTHONPATH": str(ROOT), "BNAS_NIGHTLY_FIGURES": "figures.json"}
    process = subprocess.run(
        [*command, "--cases", "90", "--family", "gemm"],
        cwd=folder,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    return process, json.loads((folder / "figures.json").read_text(encoding="utf-8"))


def test_a_small_run_counts_what_it_was_asked_for(tmp_path: Path) -> None:
    process, found = run_small(tmp_path, "integers(0, 99)")
    assert process.returncode == 0, process.stdout + process.stderr
    assert found["asked"] == 90
    assert found["families"] == {"gemm": found["executed"]}
    assert len(found["tests"]) == 3
    assert {test["cases"] for test in found["tests"].values()} == {30}
    assert "90 cases  gemm" in process.stdout


def test_a_run_with_too_few_cases_fails_though_its_tests_pass(tmp_path: Path) -> None:
    process, found = run_small(tmp_path, "booleans()")
    assert process.returncode == 1
    assert "3 passed" in process.stdout
    assert found["executed"] == 62
    assert "ran 62 cases where 90 were asked for" in process.stderr


def test_coverage_is_summed_up_by_folder_and_held_to_floors() -> None:
    def file(covered: int, of: int) -> dict[str, dict[str, float]]:
        return {
            "summary": {
                "covered_lines": covered,
                "num_statements": of,
                "covered_branches": 1,
                "num_branches": 2,
                "percent_covered": 100 * (covered + 1) / (of + 2),
            }
        }

    found = {
        "a/src/bnas/binops/packing.py": file(7, 8),
        "a/src/bnas/binops/portable/gemm.py": file(3, 8),
        "a\\src\\bnas\\binops\\portable\\pool.py": file(5, 8),
    }
    folders = by_folder(found)
    assert folders == {"all": 60.0, ".": 80.0, "portable": 50.0}
    assert percents(found)["portable/gemm.py"] == 40.0
    assert shortfalls(folders, {"all": 60.0, "portable": 50.0}) == []
    assert shortfalls(folders, {"portable": 50.1, "tape": 1.0}) == [
        "portable: 50.00 % is under the floor of 50.10 %",
        "tape: 0.00 % is under the floor of 1.00 %",
    ]


@pytest.mark.parametrize(
    ("statuses", "arguments", "status"),
    [
        ([-11, 0], [], 1),
        ([0, 2], [], 1),
        ([-9], ["--run", "compiled"], 1),
        ([0], ["--run", "compiled"], 0),
    ],
)
def test_a_run_that_fails_or_dies_fails_the_coverage_lane(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    statuses: list[int],
    arguments: list[str],
    status: int,
) -> None:
    answers = iter(statuses)
    monkeypatch.setattr(coverage_lane, "_measure", lambda folder, run: next(answers))
    result = CliRunner().invoke(coverage_lane.main, ["--folder", str(tmp_path), *arguments])
    assert result.exit_code == status, result.output


@pytest.mark.parametrize(("floor", "status"), [(79.9, 0), (80.1, 1)])
def test_less_than_a_floor_fails_the_coverage_lane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, floor: float, status: int
) -> None:
    floors = tmp_path / "floors.toml"
    floors.write_text(f"[percent]\nall = {floor}\n", encoding="utf-8")
    counted = {"covered_lines": 7, "num_statements": 8, "covered_branches": 1, "num_branches": 2}
    files = {"bnas/binops/packing.py": {"summary": {**counted, "percent_covered": 80.0}}}
    monkeypatch.setattr(coverage_lane, "FLOORS", floors)
    monkeypatch.setattr(coverage_lane, "_measure", lambda folder, run: 0)
    monkeypatch.setattr(coverage_lane, "_combined", lambda folder: {"files": files})
    result = CliRunner().invoke(coverage_lane.main, ["--folder", str(tmp_path)])
    assert result.exit_code == status, result.output
    assert ("under the floor of 80.10 %" in result.output) == bool(status)


@pytest.mark.parametrize("status", [0, 1, 5])
def test_the_accuracy_lane_ends_as_its_tests_do_and_tells_what_they_measured(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def run(arguments: list[str], plugins: list[accuracy_lane.AccuracyReader]) -> int:
        assert accuracy_lane.TEST in arguments
        report = pytest.TestReport(
            f"{accuracy_lane.TEST}::{accuracy_lane.NAME}[BNAS-Mini]",
            ("", None, ""),
            {},
            "passed",
            None,
            "call",
            user_properties=[("top1", 80.68), ("card_top1", 80.7)],
        )
        plugins[0].pytest_runtest_logreport(report)
        return status

    monkeypatch.setattr(pytest, "main", run)
    result = CliRunner().invoke(accuracy_lane.main)
    assert result.exit_code == status
    assert result.output == "BNAS-Mini: 80.68 % (card 80.70 %)\n"


def test_floors_are_of_folders_and_interpreted_tests_are_there() -> None:
    package = ROOT / "packages" / "binops" / "src" / "bnas" / "binops"
    floors = tomllib.loads(FLOORS.read_text(encoding="utf-8"))["percent"]
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert set(floors) == {"all", ".", *folders}
    assert all(50 < floor < 100 for floor in floors.values())
    assert all((ROOT / FOLDER / name).exists() for name in INTERPRETED)
