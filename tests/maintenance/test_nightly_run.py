"""A whole run of small lanes: the page, the table, what is kept, and the exit status."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from maintenance.nightly import __main__ as nightly
from maintenance.nightly.lane import Lane
from maintenance.nightly.repository import UNKNOWN, state_of
from maintenance.nightly.summary import duration, last_lines, show_summary


def lane(name: str, code: str, *needs: str) -> Lane:
    return Lane(name=name, about="", command=("{python}", "-c", code), limit_s=60, needs=needs)


COUNT = "import pathlib; p = pathlib.Path({!r}); p.write_text(p.read_text() + 'x')"


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    """A file that a lane makes longer."""
    path = tmp_path / "count"
    path.write_text("", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def lanes(monkeypatch: pytest.MonkeyPatch, counted: Path) -> None:
    table = [
        lane("good-one", COUNT.format(str(counted))),
        lane("bad", "print('the reason'); raise SystemExit(4)"),
        lane("dataless", "1 / 0", "folder NO_SUCH_DATA"),
    ]
    monkeypatch.setattr(nightly, "read_lanes", lambda: {each.name: each for each in table})
    monkeypatch.setattr(nightly, "state_of", lambda root: "abc")


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(nightly.main, ["--folder", str(tmp_path / "out"), *arguments])


def test_all_lanes_are_told_of_and_one_failure_fails_the_run(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 1, result.output
    assert "the reason" in result.output
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| good-one | passed |" in page
    assert "| bad | **failed** |" in page
    assert "| dataless | **not run** |" in page
    assert "set NO_SUCH_DATA to their folder" in page
    document = json.loads((tmp_path / "out" / "nightly.json").read_text(encoding="utf-8"))
    assert [each["verdict"] for each in document["lanes"]] == ["passed", "failed", "not run"]
    assert document["lanes"][1]["figures"] == {"headline": ""}


@pytest.mark.parametrize(("extra", "status"), [((), 0), (("--require-all",), 1)])
def test_what_lacks_its_data_passes_unless_all_is_required(
    tmp_path: Path, extra: tuple[str, ...], status: int
) -> None:
    assert run(tmp_path, "--lanes", "good,dataless", *extra).exit_code == status


def test_resume_keeps_what_passed_with_the_same_sources(
    tmp_path: Path, counted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        assert run(tmp_path, "--lanes", "good", "--resume").exit_code == 0
    assert counted.read_text(encoding="utf-8") == "x"
    run(tmp_path, "--lanes", "good", "--resume", "--cases", "7")
    monkeypatch.setattr(nightly, "state_of", lambda root: "def")
    run(tmp_path, "--lanes", "good", "--resume", "--cases", "7")
    run(tmp_path, "--lanes", "good", "--cases", "7")
    assert counted.read_text(encoding="utf-8") == "xxxx"


def test_nothing_is_kept_where_the_sources_cannot_be_told_apart(
    tmp_path: Path, counted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "state_of", lambda root: UNKNOWN)
    for _ in range(2):
        result = run(tmp_path, "--lanes", "good", "--resume")
        assert "nothing is kept: without Git" in result.output
    assert counted.read_text(encoding="utf-8") == "xx"


def test_a_lane_that_failed_is_run_again_on_resume(tmp_path: Path) -> None:
    for _ in range(2):
        result = run(tmp_path, "--lanes", "bad", "--resume")
        assert (result.exit_code, "passed before" in result.output) == (1, False)


def test_ctrl_c_leaves_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = nightly.run_lane

    def run_lane(lane: Lane, *arguments: object) -> object:
        result = real(lane, *arguments)
        if lane.name == "bad":
            raise nightly.LaneInterrupted(result)
        return result

    monkeypatch.setattr(nightly, "run_lane", run_lane)
    assert run(tmp_path).exit_code == 130
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "good-one" in page
    assert "dataless" not in page


def test_unknown_lanes_are_an_error_of_use_and_lanes_can_be_listed(tmp_path: Path) -> None:
    result = run(tmp_path, "--lanes", "god")
    assert result.exit_code == 2
    assert "`lanes` must name some of good-one, bad, dataless" in result.output
    assert "dataless" in run(tmp_path, "--list").output
    assert not (tmp_path / "out").exists()


def test_the_state_of_sources_changes_with_them(tmp_path: Path) -> None:
    place = tmp_path / "repository"
    place.mkdir()
    assert state_of(place) == UNKNOWN
    git = ["git", "-C", str(place), "-c", "user.name=a", "-c", "user.email=a@b"]
    (place / "a").write_text("1", encoding="utf-8")
    for command in (["init", "-q"], ["add", "a"], ["commit", "-q", "-m", "a"]):
        subprocess.run([*git, *command], check=True)
    clean = state_of(place)
    assert "+" not in clean
    (place / "a").write_text("2", encoding="utf-8")
    changed = state_of(place)
    (place / "b").write_text("1", encoding="utf-8")
    assert changed.startswith(f"{clean}+")
    assert state_of(place) not in (clean, changed)


def test_times_and_ends_of_logs_are_short(tmp_path: Path) -> None:
    assert [duration(s) for s in (0, 3.4, 61, 3725)] == ["", "3 s", "1 min 01 s", "1 h 02 min"]
    log = tmp_path / "log"
    log.write_text("".join(f"{number}\n" for number in range(99)), encoding="utf-8")
    assert last_lines(log, 2) == "97\n98"
    assert last_lines(tmp_path / "none") == ""


def test_figures_that_look_like_markup_are_shown_as_they_are() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    show_summary([nightly.Result("x", "passed", about="[red]9 %")], console)
    assert "[red]9 %" in console.export_text()


def test_this_interpreter_runs_the_lanes() -> None:
    filled = lane("x", "1").filled({"python": sys.executable, "cases": "1"})
    assert filled.command[0] == sys.executable
