"""Several searches as trials of Ray Tune, on a cluster of two processors of this machine."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bnas.tools.ray_cluster import Cluster
from bnas.tools.ray_sweep import Report, run_all_on_ray
from bnas.tools.sweep import Case

pytestmark = pytest.mark.usefixtures("ray_cluster")


def run(case: Case, report: Report) -> dict[str, Any] | str:
    report({"loss": 2.5})
    if case.name == "bad":
        os.kill(os.getpid(), signal.SIGKILL)
    return "no such data" if case.name == "wrong" else {"threads": os.environ["OMP_NUM_THREADS"]}


def test_one_that_dies_or_fails_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    cases = [Case(name, ()) for name in ("good", "bad", "wrong", "other")]
    said: list[str] = []
    outcomes = run_all_on_ray(cases, run, str(tmp_path), workers=2, gpu=False, tell=said.append)
    assert [each.case.name for each in outcomes] == ["good", "bad", "wrong", "other"]
    assert outcomes[0].document == outcomes[3].document == {"threads": "1"}
    assert outcomes[1].document is None
    assert outcomes[1].error == "its process died"
    assert outcomes[2].error == "no such data"
    assert [line[:4] for line in said] == ["1/4 ", "2/4 ", "3/4 ", "4/4 "]
    assert {line[4:] for line in said} == {
        "good: finished",
        "bad: failed: its process died",
        "wrong: failed: no such data",
        "other: finished",
    }
    # What was reported on the way is in Ray's own records.
    assert any('"loss": 2.5' in path.read_text() for path in tmp_path.rglob("result.json"))


def test_processors_are_shared_as_machines_have_them() -> None:
    machines = Cluster(processors=(1, 4, 2), has_gpu=False)
    assert [machines.share(workers) for workers in (1, 2, 3, 7, 20)] == [4, 3, 2, 1, 1]


def raising(case: Case, report: Report) -> dict[str, Any] | str:
    raise ModuleNotFoundError(f"No module named {case.name!r}")


def test_the_reason_is_not_hidden(tmp_path: Path) -> None:
    (found,) = run_all_on_ray(
        [Case("bnas.search", ())], raising, str(tmp_path), workers=1, gpu=None, tell=print
    )
    assert "No module named 'bnas.search'" in found.error


def test_searches_end_in_one_document(
    document: Callable[..., Any], sweep_plan: list[str], tmp_path: Path
) -> None:
    found = document(*sweep_plan, "--seeds", "0-1", "--engine", "ray")["searches"]
    assert [each["name"] for each in found] == ["seed0", "seed1"]
    assert len({str(each["result"]["history"][0]["normal"]) for each in found}) == 2
    assert (tmp_path / "out" / "seed1" / "report.html").is_file()


def test_without_ray_it_is_said_how_to_get_it(
    call: Callable[..., Result], sweep_plan: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec

    def find(name: str, *rest: Any) -> Any:
        return None if name == "ray.tune" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    result = call(*sweep_plan, "--seeds", "0-1", "--engine", "ray", code=1)
    assert "needs Ray Tune: pip install 'bnas-tools[ray]'" in result.stderr
