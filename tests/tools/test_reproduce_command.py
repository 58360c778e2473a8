"""`bnas-tools reproduce`: what it leaves, and wrong calls. Nothing is trained or timed here."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bnas.tools.commands.reproduce import _SCALES, _TARGETS, reproduce
from bnas.tools.reproduce import ALL, SCALES, TARGETS, Section, UnfinishedError


def test_the_command_knows_every_target_and_scale() -> None:
    assert (*TARGETS, ALL) == _TARGETS
    assert SCALES == _SCALES


def test_the_shell_completes_targets_and_scales() -> None:
    target = next(param for param in reproduce.params if param.name == "target")
    context = reproduce.make_context("reproduce", [], resilient_parsing=True)
    proposed = [item.value for item in target.shell_complete(context, "table")]
    assert proposed == ["table1", "table2", "table3", "table4"]


def test_table_1_from_end_to_end(call: Callable[..., Result], tmp_path: Path) -> None:
    out = tmp_path / "new" / "tables"
    result = call("reproduce", "table1", "--out", out)
    assert "Table 1: the nine configurations" in result.stdout
    assert "counting the nine networks" in result.stderr
    assert sorted(path.name for path in out.iterdir()) == ["table1.csv", "table1.md"]
    page = (out / "table1.md").read_text(encoding="utf-8")
    assert "**Reproduced.**" in page
    assert "* **command**: `bnas-tools reproduce table1 --scale reduced --out tables`" in page
    assert str(tmp_path) not in page
    with (out / "table1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["network"] == "BNAS-A"
    assert rows[1]["parameters"] == "5578252"


def test_figure_1_as_json(document: Callable[..., Any], tmp_path: Path) -> None:
    told = document("reproduce", "fig1", "--quick", "--out", tmp_path)
    assert (told["target"], told["scale"], told["page"]) == ("fig1", "quick", "fig1.md")
    assert {"date", "command", "machine", "versions"} <= told.keys()
    (section,) = told["sections"]
    assert section["pictures"] == ["fig1.svg"]
    assert section["tables"][0]["rows"][0]["Zeroise edges"] == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".svg", ".png", ".csv", ".md"}


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put made-up sections in place of all targets; returns those that were asked for."""
    asked: list[str] = []

    def make(target: str, context: Any) -> Section:
        asked.append(target)
        if target == "table3":
            raise UnfinishedError(2, 3, context.out_dir)
        return Section(target=target, title=target, claim="", verdict="reproduced", finding="")

    monkeypatch.setattr("bnas.tools.reproduce.make_section", make)
    monkeypatch.setattr("bnas.tools.reproduce.trainings.describe_images", lambda _: "no images")
    return asked


def test_what_the_time_limit_leaves_out_is_told_and_the_rest_is_on_the_page(
    made_up: list[str], call: Callable[..., Result], tmp_path: Path
) -> None:
    result = call("reproduce", "all", "--out", tmp_path, code=1)
    assert made_up == list(TARGETS)
    assert result.stderr.splitlines()[-1].startswith(
        "Error: the time limit came first: 2 of 3 trainings are not finished"
    )
    assert not (tmp_path / "README.md").exists()
    page = (tmp_path / "README.partial.md").read_text(encoding="utf-8")
    assert "* **data**: no images" in page
    assert "`bnas-tools reproduce all --scale paper --data cifar10 --out DIR`" in page
    assert "## table2" in page
    assert "## table3" not in page
    assert "## baselines" in page


def test_what_was_found_before_a_failure_is_kept_beside_an_older_page(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(target: str, context: Any) -> Section:
        if target == "table2":
            raise ValueError("unforeseen")
        return Section(target=target, title=target, claim="", verdict="reproduced", finding="")

    monkeypatch.setattr("bnas.tools.reproduce.make_section", make)
    monkeypatch.setattr("bnas.tools.reproduce.trainings.describe_images", lambda _: "no images")
    (tmp_path / "README.md").write_text("an older page")
    result = call("reproduce", "all", "--out", tmp_path, code=1)
    assert "ValueError: unforeseen" in result.stderr
    assert (tmp_path / "README.md").read_text() == "an older page"
    assert "## table1" in (tmp_path / "README.partial.md").read_text(encoding="utf-8")


def test_the_papers_size_wants_its_images(call: Callable[..., Result], tmp_path: Path) -> None:
    result = call("reproduce", "fig4", "--scale", "paper", "--out", tmp_path, code=1)
    assert "`--scale` = 'paper' trains on all of CIFAR-10: `--data` must name" in result.stderr


def test_an_interrupted_reproduction_says_how_to_go_on(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bnas.tools.reproduce.make_section", interrupt)
    result = call("reproduce", "table1", "--out", tmp_path, code=130)
    assert result.stderr.splitlines()[-1] == (
        f"Error: interrupted; the same command goes on with {tmp_path}"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fig9", "--out", "x"], "'fig9' is not one of 'table1', 'table2'"),
        (["fig1"], "Missing option '--out'"),
        (["fig1", "--out", "x", "--quick", "--scale", "paper"], "--quick is --scale quick"),
        (["fig1", "--out", "x", "--workers", "0"], "'--workers': 0 is not"),
        (["fig1", "--out", "x", "--time-limit", "soon"], "must be a time >= 0"),
    ],
)
def test_wrong_calls(refusal: Callable[..., str], arguments: list[str], message: str) -> None:
    assert message in refusal("reproduce", *arguments, code=2)


def test_quick_may_be_said_twice(call: Callable[..., Result], tmp_path: Path) -> None:
    call("reproduce", "table1", "--quick", "--scale", "quick", "--out", tmp_path)


@pytest.mark.usefixtures("made_up")
def test_a_device_that_is_not_there_is_refused_before_the_work(
    refusal: Callable[..., str], made_up: list[str], tmp_path: Path
) -> None:
    told = refusal("reproduce", "fig4", "--device", "gpu9", "--out", tmp_path / "new")
    assert told.startswith("`--device` must be one of 'cpu'")
    assert made_up == []
    assert not (tmp_path / "new").exists()


def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    made_up: list[str], refusal: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    told = refusal("reproduce", "all", "--out", file)
    assert told == f"`--out` must be a directory (got the file '{file}')"
    told = refusal("reproduce", "all", "--out", file / "below")
    assert told.startswith("`--out` must be a directory that can be written")
    assert told.endswith(f"{os.strerror(20)})")
    assert made_up == []
    assert file.read_text() == "mine"


def test_what_is_not_installed_is_told_first(
    made_up: list[str], refusal: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnas.tools.extras._is_there", lambda module: False)
    assert "needs bnas-search: pip install" in refusal("reproduce", "fig4", "--out", tmp_path)
    assert "needs torch: pip install" in refusal("reproduce", "table4", "--out", tmp_path)
    assert made_up == []
