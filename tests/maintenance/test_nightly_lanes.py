"""Lanes: the table, choosing, needs, and one that fails, hangs, or lacks its data."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from maintenance.nightly.figures import VARIABLE, write_figures
from maintenance.nightly.lane import Lane, UnknownLaneError, choose_lanes, read_lanes
from maintenance.nightly.needs import UnknownNeedError, obstacle
from maintenance.nightly.result import Folder
from maintenance.nightly.running import LaneInterrupted, run_lane

ROOT = Path(__file__).parents[2]


def lane_of(code: str, **fields: object) -> Lane:
    given = {"about": "", "limit_s": 60.0, **fields}
    return Lane(name="x", command=(sys.executable, "-c", code), **given)


def is_alive(process: int) -> bool:
    """Whether it runs: one that nobody has read the status of does not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_the_table_can_be_read() -> None:
    lanes = read_lanes()
    assert {"hypothesis-avx512", "coverage", "accuracy", "benchmarks", "pants"} <= set(lanes)
    for lane in lanes.values():
        filled = lane.filled({"python": "python", "cases": "7"})
        assert not [part for part in filled.command if "{" in part]
        assert lane.about
        for need in lane.needs:
            assert isinstance(obstacle(need, ROOT), str)


def test_modules_of_the_table_are_there() -> None:
    for lane in read_lanes().values():
        names = [part for part in lane.command if part.startswith("maintenance.")]
        for name in names:
            assert (ROOT / f"{name.replace('.', '/')}.py").is_file()


def test_lanes_are_chosen_by_name_or_beginning_in_the_order_of_the_table() -> None:
    lanes = read_lanes()
    assert choose_lanes(lanes, []) == list(lanes.values())
    chosen = [lane.name for lane in choose_lanes(lanes, ["coverage", "hypothesis"])]
    assert chosen[-1] == "coverage"
    assert len(chosen) == 6
    assert all(name.startswith("hypothesis-") for name in chosen[:-1])
    assert [lane.name for lane in choose_lanes(lanes, ["hypothesis-avx2"])] == ["hypothesis-avx2"]


@pytest.mark.parametrize("name", ["coverege", "hypo", "hypothesis-"])
def test_an_unknown_lane_is_refused(name: str) -> None:
    with pytest.raises(UnknownLaneError, match="must name some of hypothesis-portable"):
        choose_lanes(read_lanes(), [name])


def test_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text("VALUE := 1\ntest: lint\n\techo\n", encoding="utf-8")
    (tmp_path / "maintenance").mkdir()
    (tmp_path / "maintenance" / "own.mk").write_text("docs:  ## help\n", encoding="utf-8")
    monkeypatch.setenv("THERE", str(tmp_path))
    monkeypatch.setenv("GONE", str(tmp_path / "gone"))
    met = ["target test", "target docs", "folder THERE", "backend portable", "module attrs"]
    assert [obstacle(need, tmp_path) for need in met] == [""] * 5
    for need in ("target lint", "target VALUE", "folder GONE", "folder UNSET", "module no_such"):
        assert need.split()[1] in obstacle(need, tmp_path)
    with pytest.raises(UnknownNeedError, match="must be one of backend, folder"):
        obstacle("planet Mars", tmp_path)


def test_a_lane_that_lacks_its_data_is_not_run(tmp_path: Path) -> None:
    result = run_lane(lane_of("1 / 0", needs=["folder NO_SUCH_DATA"]), ROOT, Folder(tmp_path))
    assert (result.verdict, result.seconds) == ("not run", 0)
    assert "set NO_SUCH_DATA to their folder" in result.about
    assert not result.is_failure()
    assert result.is_failure(require_all=True)
    assert not Folder(tmp_path).log("x").exists()


def test_a_lane_keeps_its_output_and_its_figures(tmp_path: Path) -> None:
    code = (
        "import os; from maintenance.nightly.figures import write_figures; print('said');"
        " write_figures('3 of 3', mine=os.environ['MINE'])"
    )
    folder = Folder(tmp_path)
    result = run_lane(lane_of(code, environment={"MINE": "yes"}), ROOT, folder, "abc")
    assert (result.verdict, result.about, result.state) == ("passed", "3 of 3", "abc")
    assert folder.log("x").read_text(encoding="utf-8") == "said\n"
    assert folder.all_figures("x") == {"headline": "3 of 3", "mine": "yes"}
    folder.write(result)
    assert folder.read("x") == result
    assert folder.read("y") is None


def test_a_lane_that_fails_is_told_apart_from_what_it_said_before(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.figures("x").write_text('{"headline": "of yesterday"}', encoding="utf-8")
    result = run_lane(lane_of("raise SystemExit(3)"), ROOT, folder)
    assert (result.verdict, result.about) == ("failed", "exit status 3")
    assert result.is_failure()


def test_a_lane_that_hangs_is_ended_with_all_its_processes(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    folder = Folder(tmp_path)
    lane = lane_of(code, limit_s=3.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maintenance.nightly.running.GRACE_S", 0.3)
        result = run_lane(lane, ROOT, folder)
    assert (result.verdict, result.about) == ("ran over its limit", "ended after 3 s")
    assert result.seconds < 20
    assert not is_alive(int(folder.log("x").read_text(encoding="utf-8")))


def test_ctrl_c_ends_the_lane_and_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    folder = Folder(tmp_path)

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("maintenance.nightly.running.GRACE_S", 0.3)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 2.0)
    try:
        with pytest.raises(LaneInterrupted) as caught:
            run_lane(lane_of(code), ROOT, folder)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caught.value.result.verdict == "interrupted"
    process = folder.log("x").read_text(encoding="utf-8").strip()
    deadline = time.monotonic() + 5
    while process and is_alive(int(process)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not process or not is_alive(int(process))


def test_a_lane_run_by_hand_writes_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    before = set(os.listdir())
    write_figures("nothing")
    assert set(os.listdir()) == before
