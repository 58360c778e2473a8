"""Ratios of times: a slower kernel is a regression, a slower machine and noise are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maintenance.nightly.benchmark_lane import (
    COMMITTED,
    PARTS,
    TOLERANCE,
    TOLERANCE_ELSEWHERE,
    read_speedups,
    tolerance_for,
)
from maintenance.nightly.ratios import Contest, Regression, regressions, speedups, still


def records(packed: float = 1.0) -> list[dict[str, Any]]:
    times = {"packed": packed, "packing": 0.5, "torch": 10.0}
    return [
        {"model": "3x3", "batch": 1, "threads": 1, "runtime": name}
        | {"min_ms": time_ms, "median_ms": 1.1 * time_ms}
        for name, time_ms in times.items()
    ]


OLD = speedups("kernels", records())
TORCH = Contest("kernels", "3x3", 1, 1, "packed", "torch")


def test_ours_are_compared_with_others_and_not_with_each_other() -> None:
    assert set(OLD) == {TORCH, Contest("kernels", "3x3", 1, 1, "packing", "torch")}
    assert OLD[TORCH].minima == pytest.approx(10)
    assert OLD[TORCH].medians == pytest.approx(10)


def test_a_slower_machine_changes_no_ratio() -> None:
    slower = [
        {**each, "min_ms": 7 * each["min_ms"], "median_ms": 7 * each["median_ms"]}
        for each in records()
    ]
    assert regressions(OLD, speedups("kernels", slower), 0.01) == []


def test_a_planted_regression_is_named_with_both_ratios() -> None:
    (found,) = regressions(OLD, speedups("kernels", records(packed=2.0)), 0.3)
    assert found.change == pytest.approx(0.5)
    assert str(found) == (
        "kernels: 3x3, batch 1, packed against torch: 5.00 times faster by minima (was 10.00), "
        "5.00 by medians (was 10.00)"
    )


@pytest.mark.parametrize("packed", [0.7, 1.0, 1.4])
def test_noise_within_the_tolerance_passes(packed: float) -> None:
    assert regressions(OLD, speedups("kernels", records(packed=packed)), 0.3) == []


def test_one_statistic_alone_is_noise() -> None:
    disturbed = records()
    disturbed[0] = {**disturbed[0], "median_ms": 5.0}
    found = speedups("kernels", disturbed)
    assert found[TORCH].medians < 3
    assert regressions(OLD, found, 0.3) == []


def test_what_is_not_measured_now_is_not_compared() -> None:
    assert regressions(OLD, {}, 0.3) == []
    assert regressions({}, OLD, 0.3) == []


def test_the_worst_comes_first_and_only_what_fell_twice_stays() -> None:
    other = speedups("networks", records(packed=4.0))
    old = OLD | speedups("networks", records())
    first = regressions(old, speedups("kernels", records(packed=2.0)) | other, 0.3)
    assert [each.contest.part for each in first] == ["networks", "kernels"]
    second = regressions(old, speedups("kernels", records()) | other, 0.3)
    assert [each.contest.part for each in still(first, second)] == ["networks"]
    assert still([], first) == []


def test_committed_results_are_equal_to_themselves() -> None:
    committed = read_speedups(COMMITTED, PARTS)
    assert len(committed) > 30
    assert regressions(committed, committed, 0.0) == []
    assert all(Regression(key, each, each).change == 1 for key, each in committed.items())


def test_another_kind_of_cpu_may_lose_more(tmp_path: Path) -> None:
    committed = json.loads((COMMITTED / "kernels.json").read_text(encoding="utf-8"))
    assert tolerance_for(COMMITTED, COMMITTED, ["kernels"]) == TOLERANCE
    committed["machine"]["microarchitecture"] = "skylake"
    (tmp_path / "kernels.json").write_text(json.dumps(committed), encoding="utf-8")
    assert tolerance_for(COMMITTED, tmp_path, ["kernels"]) == TOLERANCE_ELSEWHERE
