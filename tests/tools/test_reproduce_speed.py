"""Speed-ups from made-up records; nothing is timed here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnas import cells
from bnas.tools.bench import Findings, Record, Skipped
from bnas.tools.reproduce import Context, load_scale, speed
from bnas.tools.reproduce.speed import Speed, left_out_note, measure_float, measure_speed, speed_of


def record(runtime: str, median_ms: float, min_ms: float = 1.0) -> Record:
    return Record("net", runtime, "cpu", 1, 1, min_ms, median_ms, 1e3 / min_ms, 0.1, 1.0)


def test_the_fastest_float_is_the_one_to_beat() -> None:
    found = speed_of(
        "net", Findings([record("packed", 2.0), record("torch", 30.0), record("onnxruntime", 9.0)])
    )
    assert (found.packed_ms, found.fastest) == (2.0, "onnxruntime")
    assert found.speed_up("torch") == 15.0
    assert found.speed_up(found.fastest) == 4.5
    assert found.speed_up("openvino") is None
    assert left_out_note([found]) is None


def test_what_is_not_installed_leaves_a_gap_and_a_sentence() -> None:
    findings = Findings([record("packed", 2.0)], skipped=[Skipped("torch", "not installed")])
    found = speed_of("net", findings)
    assert (found.fastest, found.speed_up(found.fastest)) == (None, None)
    assert left_out_note([found, found]) == "Not timed: net on torch (not installed)."


def test_another_network_can_be_the_float_one() -> None:
    ours, other = Speed("a", 2.0, {"torch": 8.0}), Speed("b", None, {"torch": 5.0})
    assert ours.speed_up("torch", other) == 2.5
    assert other.speed_up("torch") is None


def test_a_network_is_timed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measure(context: Context, label: str, spec: cells.Spec, runtimes: tuple[str, ...]) -> Speed:
        asked.append((label, type(spec).__name__, runtimes))
        return Speed(label, 1.0)

    monkeypatch.setattr(speed, "_measure", measure)
    context = Context(scale=load_scale("quick"), out_dir=tmp_path)
    spec = cells.spec("BNAS-Mini")
    for _ in range(2):
        measure_speed(context, "Mini", spec)
        measure_float(context, "Mini in float", spec)
    measure_speed(context, "DARTS", cells.spec("DARTS-V2"))
    assert asked == [
        ("Mini", "NetworkSpec", ("packed", "torch", "onnxruntime")),
        ("Mini in float", "FloatTwin", ("torch", "onnxruntime")),
        ("DARTS", "DartsSpec", ("packed", "torch", "onnxruntime")),
    ]
