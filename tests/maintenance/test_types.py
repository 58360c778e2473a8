"""What ``make types`` makes of its checkers' answers, and what it has users write."""

from __future__ import annotations

import ast
import importlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from maintenance import types
from maintenance.types import (
    NAMES,
    PROGRAMS,
    ROOT,
    WITHOUT_TORCH,
    Check,
    checks,
    complaints,
    join,
    run,
)

DOTTED = "bnas.binops"


def report(*symbols: dict[str, Any]) -> dict[str, Any]:
    return {"typeCompleteness": {"symbols": list(symbols)}, "generalDiagnostics": []}


def symbol(*, exported: bool = True, known: bool = False) -> dict[str, Any]:
    reasons = [] if known else [{"message": "Return type is unknown"}]
    return {
        "name": f"{DOTTED}.pack",
        "isExported": exported,
        "isTypeKnown": known,
        "diagnostics": reasons,
    }


def test_a_public_name_without_a_type_is_told_with_the_reason() -> None:
    assert complaints(report(symbol()), DOTTED) == [f"{DOTTED}.pack: Return type is unknown"]


def test_what_is_known_or_of_others_is_no_complaint() -> None:
    assert complaints(report(symbol(known=True), symbol(exported=False)), DOTTED) == []


@pytest.mark.parametrize("found", [{}, report()])
def test_a_report_on_nothing_is_no_success(found: dict[str, Any]) -> None:
    (line,) = complaints(found, DOTTED)
    assert "was not found" in line


@pytest.mark.parametrize("package", ["", DOTTED])
@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("kill -9 $$", "said nothing, ended with -9"),
        ("echo; exit 3", "said nothing, ended with 3"),
        ("echo wrong; exit 1", "wrong\n"),
    ],
)
def test_a_checker_that_fails_does_not_pass_for_want_of_words(
    tmp_path: Path, script: str, found: str, package: str
) -> None:
    assert run(Check("a check", ("sh", "-c", script), package), tmp_path) == found


def test_a_checker_that_succeeds_has_found_nothing(tmp_path: Path) -> None:
    assert run(Check("a check", ("sh", "-c", "echo fine"), ""), tmp_path) == ""


@pytest.mark.parametrize(("outcomes", "status"), [(["wrong", ""], 1), (["", ""], 0)])
def test_one_check_that_found_something_fails_all(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcomes: list[str],
    status: int,
) -> None:
    answers = {f"check {number}": outcome for number, outcome in enumerate(outcomes)}
    wanted = [Check(title, ()) for title in answers]
    monkeypatch.setattr(types, "checks", lambda *environments: wanted)
    monkeypatch.setattr(types, "run", lambda check, packages: answers[check.title])
    assert types.main(["--packages", str(tmp_path)]) == status
    first = outcomes[0] or "passes"
    assert capsys.readouterr().out == f"check 0: {first}\ncheck 1: passes\n"


def test_only_the_world_without_torch_leaves_checks_out() -> None:
    found = checks(Path("checkers"), Path("packages"), Path("joined"))
    lenient = [check.title for check in found if set(WITHOUT_TORCH) & set(check.command)]
    assert lenient == ["mypy, without torch"]
    assert {check.package for check in found} >= {f"bnas.{name}" for name in NAMES}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert settings["strict"] is True


def test_the_packages_are_joined_as_wheels_join_them(tmp_path: Path) -> None:
    join(tmp_path)
    assert all((tmp_path / "bnas" / name / "py.typed").is_file() for name in NAMES)
    assert not (tmp_path / "bnas" / "__init__.py").exists()
    settings = json.loads((tmp_path / "pyrightconfig.json").read_text(encoding="utf-8"))
    assert settings["typeCheckingMode"] == "strict"


@pytest.mark.parametrize("name", NAMES[:-1])
def test_the_program_of_a_package_uses_every_public_name(name: str) -> None:
    tree = ast.parse((ROOT / PROGRAMS / f"{name}_program.py").read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == name
    }
    missing = set(importlib.import_module(f"bnas.{name}").__all__) - used
    assert missing == set()
