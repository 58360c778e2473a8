"""What reproductions count: Tables 1, 3 and 4 of the supplement. Times are made up here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from bnas import cells
from bnas.tools.reproduce import Context, Section, Table, load_scale, published
from bnas.tools.reproduce.memory_of_f import Memory, memory_text
from bnas.tools.reproduce.published import TABLE_1, TABLE_3, TABLE_4, deviation_percent
from bnas.tools.reproduce.savings import (
    TOLERANCE_PERCENT,
    counted_table,
    far_from_published,
    table4,
)
from bnas.tools.reproduce.speed import Speed
from bnas.tools.reproduce.table1 import table1
from bnas.tools.reproduce.zeroise_costs import with_and_without, zeroise_costs

# ECCV 2020 BNAS, the authors' code: parameters of all networks, and of those of the logs.
PARAMS = {"BNAS-Mini": 1_473_784, "BNAS-A": 5_578_252, "BNAS-F": 39_781_442, "BNAS-H": 160_016_936}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return a context in which every network is timed already: nothing runs here."""
    made = Context(scale=load_scale("quick"), out_dir=tmp_path)
    for place, name in enumerate(TABLE_4):
        put(made, "speed", cells.spec(name), 1.0 + place, torch=20.0 + place, onnxruntime=10.0)
    for which, packed_ms in (("with", 1.0), ("without", 2.0)):
        spec = with_and_without()[which]
        put(made, "speed", spec, packed_ms, torch=8.0, onnxruntime=4.0)
    rival = with_and_without()["without"]
    put(made, "speed of the float twin", rival, None, torch=9.0, onnxruntime=6.0)
    return made


def put(context: Context, kind: str, spec: Any, packed_ms: float | None, **float_ms: float) -> None:
    context.once((kind, spec), lambda: Speed("made up", packed_ms, float_ms))


def by_column(table: Table) -> dict[str, dict[str, Any]]:
    return {row["network"]: row for row in table.to_dict()["rows"]}


def table_of(section: Section, name: str) -> dict[str, dict[str, Any]]:
    return by_column(next(table for table in section.tables if table.name == name))


def test_the_specifications_are_the_published_configurations(context: Context) -> None:
    section = table1(context)
    rows = table_of(section, "table1")
    assert section.verdict == "reproduced"
    assert tuple(rows) == cells.list_specs() == tuple(TABLE_1)
    assert {name: rows[name]["parameters"] for name in PARAMS} == PARAMS
    # 672,841,728 MACs of the binarised convolutions and 23,887,872 of the two last ones.
    assert rows["BNAS-A"]["binary MACs"] == 672_841_728 + 23_887_872
    assert rows["BNAS-A"]["channels of the first convolution"] == 3 * 36
    assert rows["BNAS-D"]["channels of the first convolution"] == 64 // 2
    assert "in 9 of 9 networks" in section.finding


def test_a_specification_that_differs_is_told(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = attrs.evolve(TABLE_1["BNAS-C"], channels=96)
    monkeypatch.setitem(published.TABLE_1, "BNAS-C", other)
    section = table1(context)
    assert section.verdict == "in part"
    assert section.finding.startswith("The specifications of BNAS-C are not as published.")


def test_deviations_are_in_percent_of_the_published_value() -> None:
    assert deviation_percent(1.5, 2.0) == -25
    assert deviation_percent(2.2, 2.0) == pytest.approx(10)


def test_all_counts_but_the_memory_of_f_are_the_published_ones() -> None:
    table = counted_table(tuple(TABLE_4))
    (name, count, off), *others = far_from_published(table)
    assert (name, count, others) == ("BNAS-F", "memory saving", [])
    assert off == pytest.approx(-46.5, abs=0.1)
    rows = by_column(table)
    assert rows["BNAS-H"]["FLOPs, 1e8"] == pytest.approx(6.180, abs=1e-3)
    assert rows["BNAS-H"]["FLOPs, 1e8, published"] == 6.56
    assert rows["BNAS-D"]["memory saving"] == pytest.approx(13.91, abs=5e-3)
    assert rows["Bi-Real-18"]["source"].startswith("Bi-Real Net, ECCV 2018, Table 3")


@pytest.mark.parametrize("name", ["BNAS-D", "BNAS-F"])
def test_the_bits_are_those_of_the_rule(name: str) -> None:
    memory, report = Memory.of(name), cells.cost(cells.spec(name), rule="paper")
    assert -(-memory.packed_bits // 8) == report.memory_bytes
    assert memory.saving == pytest.approx(report.memory_saving)
    skips = [layer for layer in report.layers if layer.macs and layer.role == "skip"]
    assert memory.one_bit_parameters + memory.real_bits // 32 == report.params - sum(
        layer.params for layer in skips
    )


def test_the_text_on_f_has_the_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    text, memory = memory_text(TOLERANCE_PERCENT) or "", Memory.of("BNAS-F")
    for value in (memory.float_bits, memory.packed_bits, memory.real_bits):
        assert f"{value:,}" in text
    assert f"{memory.float_bits / 30.37:,.0f}" in text
    assert "saving of 16.24" in text
    right = attrs.evolve(TABLE_4["BNAS-F"], memory_saving=16.24)
    monkeypatch.setitem(published.TABLE_4, "BNAS-F", right)
    assert memory_text(TOLERANCE_PERCENT) is None


def test_table_4_has_both_rules_and_the_times(context: Context) -> None:
    section = table4(context)
    assert section.verdict == "in part"
    assert "all counts lie within 6 % of the published ones (20 of 21 do)" in section.finding
    assert "BNAS-E saves as much memory as Bi-Real-18, rule `paper`" in section.finding
    assert "BNAS-F's memory saving by -46.5 %" in section.finding
    assert "1.43 to 10 times faster than the fastest float runtime" in section.finding
    deployed = table_of(section, "table4_measured")
    assert tuple(deployed) == tuple(TABLE_4)
    assert deployed["BNAS-D"]["FLOPs, 1e8"] == pytest.approx(3.50, abs=5e-3)
    assert deployed["BNAS-E"]["packed, ms"] == 2.0
    assert deployed["BNAS-E"]["speed-up over torch, measured"] == 21.0 / 2.0
    assert deployed["BNAS-E"]["fastest float"] == "onnxruntime"
    assert deployed["BNAS-E"]["speed-up over it, measured"] == 5.0
    text = next(part for part in section.parts if isinstance(part, str) and "beside" in part)
    assert "BNAS-E beside Bi-Real-18" in section.parts[-1]
    assert "contradicts" in text


def test_zeroise_is_compared_with_the_float_network_without_it(context: Context) -> None:
    rows = by_column(zeroise_costs(context))
    ours, without = rows["BNAS-A with Zeroise"], rows["BNAS-A without Zeroise"]
    for which, row in (("with", ours), ("without", without)):
        assert row["memory saving"] == pytest.approx(TABLE_3[which].memory_saving, rel=0.02)
        assert row["speed-up, counted"] == pytest.approx(TABLE_3[which].speed_up, rel=0.02)
        assert row["memory saving, published"] == TABLE_3[which].memory_saving
    assert (ours["torch, ms"], ours["onnxruntime, ms"]) == (9.0, 6.0)
    assert ours["speed-up over it, measured"] == 6.0
    assert without["speed-up over it, measured"] == 3.0
    assert without["speed-up over itself in float, measured"] == 2.0
    # The counterpart's bits and MACs are one and the same, so the ratios are those of ours alone.
    spec, other = (cells.cost(each, rule="deployed") for each in with_and_without().values())
    assert ours["speed-up, counted, deployed"] / without[
        "speed-up, counted, deployed"
    ] == pytest.approx(spec.flops / other.flops)
    assert without["speed-up, counted, deployed"] == pytest.approx(spec.speed_up)
