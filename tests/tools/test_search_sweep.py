"""Several searches by one command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result

from bnas.tools.sweep import Case, Seeds, cases_of, run_all


def test_seeds_are_ranges_and_lists() -> None:
    assert Seeds().convert("0-3", None, None) == (0, 1, 2, 3)
    assert Seeds().convert("7, 1-2,1", None, None) == (7, 1, 2)
    for wrong in ("", "3-1", "a", "-1", "0-9999", "1.5"):
        with pytest.raises(click.BadParameter, match="such as 0-3"):
            Seeds().convert(wrong, None, None)


def test_every_combination_is_a_case() -> None:
    cases = cases_of((0, 1), ["entropy_weight=0,1", "arch_betas=[0.5, 0.9]", "skip=none"])
    assert [case.name for case in cases] == [
        "seed0_entropy_weight0",
        "seed0_entropy_weight1",
        "seed1_entropy_weight0",
        "seed1_entropy_weight1",
    ]
    assert cases[1].changes == (
        "seed=0",
        "entropy_weight=1",
        "arch_betas=[0.5, 0.9]",
        "skip=none",
    )
    assert cases_of((), ["epochs=3"]) == [Case("run", ("epochs=3",))]
    assert cases_of((), []) == [Case("run", ())]


def test_a_sweep_ends_in_one_document(
    document: Callable[..., Any], sweep_plan: list[str], tmp_path: Path
) -> None:
    found = document(*sweep_plan, "--seeds", "0-1", "--workers", 2)["searches"]
    assert [each["name"] for each in found] == ["seed0", "seed1"]
    normals = [each["result"]["history"][0]["normal"] for each in found]
    assert normals[0] != normals[1]
    for each in found:
        genotype = json.loads((Path(each["directory"]) / "genotype-gamma1.json").read_text())
        assert genotype == each["result"]["genotypes"]["1"]
    assert (tmp_path / "out" / "seed1" / "report.html").is_file()


def test_one_that_fails_is_reported_and_the_others_go_on(
    call: Callable[..., Result], sweep_plan: list[str]
) -> None:
    result = call(*sweep_plan, "--set", "batch_size=4,13", code=1)
    assert "batch_size4 " in result.stdout
    assert "finished" in result.stdout
    assert "failed" in result.stdout
    assert "1 of 2 searches failed" in result.stderr
    assert "batch_size=13" in result.stderr


def test_one_that_is_killed_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The interpreter of one case kills itself; `-m bnas.tools.main` is replaced by a script."""
    script = tmp_path / "fake.py"
    script.write_text(
        "import os, signal, sys\n"
        "if 'bad' in sys.argv: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.stdout.write('{}')\n"
    )
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" "{script}" "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    said: list[str] = []
    cases = [Case("good", ()), Case("bad", ()), Case("other", ())]
    outcomes = run_all(cases, lambda case: [case.name], 1, said.append)
    assert [each.status for each in outcomes] == [0, -9, 0]
    assert outcomes[1].error == "killed by signal 9"
    assert outcomes[2].document == {}
    assert any("bad: failed: killed by signal 9" in line for line in said)
