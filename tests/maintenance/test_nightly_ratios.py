"""Ratios of times: a slower kernel is a regression, a slower machine and noise are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from maintenance.nightly import benchmark_lane
from maintenance.nightly.benchmark_lane import (
    COMMITTED,
    ELSEWHERE,
    PARTS,
    TOLERANCES,
    read_speedups,
    tolerances_for,
)
from maintenance.nightly.ratios import (
    Contest,
    Regression,
    Speedup,
    Tolerance,
    regressions,
    speedups,
    still,
)


def records(packed: float = 1.0) -> list[dict[str, Any]]:
    times = {"packed": packed, "packing": 0.5, "torch": 10.0}
    return [
        {"model": "3x3", "batch": 1, "threads": 1, "runtime": name}
        | {"min_ms": time_ms, "median_ms": 1.1 * time_ms}
        for name, time_ms in times.items()
    ]


SOME = dict.fromkeys(("kernels", "networks"), Tolerance(minima=0.3, medians=0.4))
LITTLE = dict.fromkeys(("kernels", "networks"), Tolerance(minima=1e-9, medians=1e-9))
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
    assert regressions(OLD, speedups("kernels", slower), LITTLE) == []


def test_a_planted_regression_is_named_with_both_ratios() -> None:
    (found,) = regressions(OLD, speedups("kernels", records(packed=2.0)), SOME)
    assert found.change == pytest.approx(0.5)
    assert str(found) == (
        "kernels: 3x3, batch 1, packed against torch: 5.00 times faster by minima (was 10.00), "
        "5.00 by medians (was 10.00)"
    )


@pytest.mark.parametrize("packed", [0.7, 1.0, 1.4])
def test_noise_within_the_tolerance_passes(packed: float) -> None:
    assert regressions(OLD, speedups("kernels", records(packed=packed)), SOME) == []


@pytest.mark.parametrize(
    ("min_ms", "median_ms", "fell"),
    [(1.45, 1.45, True), (1.0, 1.7, False), (1.0, 1.9, True), (1.42, 1.6, False)],
)
def test_medians_may_lose_more_than_minima(min_ms: float, median_ms: float, fell: bool) -> None:
    """Of a torch that takes 10 and 11 milliseconds."""
    times = records()
    times[0] = {**times[0], "min_ms": min_ms, "median_ms": median_ms}
    assert bool(regressions(OLD, speedups("kernels", times), SOME)) == fell


def test_what_is_not_measured_now_is_not_compared() -> None:
    assert regressions(OLD, {}, SOME) == []
    assert regressions({}, OLD, SOME) == []


def test_the_worst_comes_first_and_only_what_fell_twice_stays() -> None:
    other = speedups("networks", records(packed=4.0))
    old = OLD | speedups("networks", records())
    first = regressions(old, speedups("kernels", records(packed=2.0)) | other, SOME)
    assert [each.contest.part for each in first] == ["networks", "kernels"]
    second = regressions(old, speedups("kernels", records()) | other, SOME)
    assert [each.contest.part for each in still(first, second)] == ["networks"]
    assert still([], first) == []


def test_committed_results_are_equal_to_themselves() -> None:
    committed = read_speedups(COMMITTED, PARTS)
    assert len(committed) > 30
    assert regressions(committed, committed, LITTLE) == []
    assert all(Regression(key, each, each).change == 1 for key, each in committed.items())


def test_another_kind_of_cpu_may_lose_more(tmp_path: Path) -> None:
    committed = json.loads((COMMITTED / "kernels.json").read_text(encoding="utf-8"))
    assert tolerances_for(COMMITTED, COMMITTED, PARTS) == TOLERANCES
    committed["machine"]["microarchitecture"] = "skylake"
    (tmp_path / "kernels.json").write_text(json.dumps(committed), encoding="utf-8")
    assert tolerances_for(COMMITTED, tmp_path, ["kernels"]) == {"kernels": ELSEWHERE}


@pytest.mark.parametrize(("loss", "measured", "status"), [(0.9, 1, 0), (0.5, 2, 1)])
def test_what_falls_is_measured_again_before_the_lane_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: float, measured: int, status: int
) -> None:
    folders = []

    def measure(parts: tuple[str, ...], rounds: int, folder: Path) -> dict[Contest, Speedup]:
        folders.append(folder.name)
        folder.mkdir()
        (folder / "kernels.json").write_bytes((COMMITTED / "kernels.json").read_bytes())
        committed = read_speedups(COMMITTED, parts)
        return {key: Speedup(loss * each.minima, each.medians) for key, each in committed.items()}

    monkeypatch.setattr(benchmark_lane, "measure", measure)
    arguments = ["--only", "kernels", "--folder", str(tmp_path)]
    result = CliRunner().invoke(benchmark_lane.main, arguments)
    assert (result.exit_code, folders) == (status, ["first", "second"][:measured]), result.output
    assert ("REGRESSION: kernels: 3x3 36-36 @32" in result.output) == bool(status)
