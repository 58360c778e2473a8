"""The suite's files: JSON with where and how it was measured, a chart, a section of a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import __main__ as suite
from benchmarks.results import BEGIN, END, ReportError, write_part, write_section
from benchmarks.shapes import CHAINED, SHAPES
from bnas.tools.bench import Comparison, Findings, Record, Skipped

REPORT = f"# Measured\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n"
LOOPS = {"loops": [{"name": "a loop", "bit_ops_per_cycle": 123.4, "ghz": 2.0}]}


def findings(model: str, *runtimes: tuple[str, float], threads: int = 1) -> Findings:
    return Findings(
        [
            Record(model, name, "cpu", 1, threads, ms, ms, 1e3 / ms, 0.5, 7.0)
            for name, ms in runtimes
        ],
        [Comparison(model, name, 1, threads, 1.0, 1.0, 0.25, 3.0, "") for name, _ in runtimes],
        [Skipped("other", "not there")],
    )


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    report, folder = tmp_path / "RESULTS.md", tmp_path / "results"
    report.write_text(REPORT)
    folder.mkdir()
    return report, folder


def test_a_part_leaves_a_document_and_a_chart(places: tuple[Path, Path]) -> None:
    _, folder = places
    write_part(folder, "networks", findings("Net", ("packed", 1.0)), "make bench")
    document = json.loads((folder / "networks.json").read_text())
    assert {"date", "command", "machine", "versions", "records", "skipped"} <= set(document)
    assert document["command"] == "make bench"
    with Image.open(folder / "networks.png") as picture:
        assert picture.format == "PNG"


def test_the_section_is_made_of_all_parts_and_nothing_else_changes(
    places: tuple[Path, Path],
) -> None:
    report, folder = places
    shape, chained = SHAPES[0], CHAINED[0]
    write_part(folder, "ceiling", LOOPS, "make bench")
    kernels = findings(shape.name, ("packed", 0.5), ("packing", 0.1), ("torch", 2.0))
    write_part(folder, "kernels", kernels, "make bench")
    chains = findings(chained.chain_name, ("packed", 0.5), ("openvino-binary", 0.25))
    write_part(folder, "chains", chains, "make bench")
    networks = findings("Net", ("packed", 2.0), ("torch", 9.0))
    write_part(folder, "networks", networks, "make bench")
    scaled = findings("Net", ("packed", 3.0)) + findings("Net", ("packed", 2.0), threads=2)
    write_part(folder, "threads", scaled, "make bench")
    write_part(folder, "memory", findings("Net", ("packed", 2.0)), "make bench")
    write_section(report, folder)
    text = report.read_text()
    assert text.startswith("# Measured\n\nbefore\n\n") and text.endswith("\n\nafter\n")
    assert "\nold\n" not in text
    useful = shape.useful_bit_ops(1) / 1e6
    for line in (
        "| a loop | 123 | 2.00 |",
        f"| {shape.name} | 1 | **0.500** | 0.100 | 2.00 | 4.0x | {useful:.0f} |",
        f"| {chained.name} | **0.500** | 0.250 | 0.50x |",
        "| Net | torch | 9.00 | 9.00 | 4.50x | 0.500 | 7 | 0.2 |",
        "| Net | 1 | 2 | 2.00 | 1.50x |",
        "| Net | 7.0 |",
        "* left out: other: not there",
        "    make bench",
    ):
        assert line in text
    write_section(report, folder)
    assert report.read_text() == text


def test_a_report_without_markers_is_refused(places: tuple[Path, Path]) -> None:
    report, folder = places
    report.write_text("# Measured\n")
    with pytest.raises(ReportError, match="must hold the lines"):
        write_section(report, folder)
    assert report.read_text() == "# Measured\n"


def test_the_report_of_the_repository_has_its_markers() -> None:
    text = (Path(suite.__file__).parent / "RESULTS.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1


def test_only_the_parts_asked_for_run(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    report, folder = places
    asked: list[int] = []

    def measured(rounds: int, tell: object) -> Findings:
        asked.append(rounds)
        return findings("Net", ("packed", 1.0))

    monkeypatch.setattr(suite, "PARTS", {**suite.PARTS, "memory": measured})
    options = ["--rounds", "3", "--results", str(folder), "--report", str(report)]
    result = CliRunner().invoke(suite.main, ["--only", "memory", *options])
    assert result.exit_code == 0, result.output
    assert asked == [3]
    assert sorted(path.name for path in folder.iterdir()) == ["memory.json", "memory.png"]
    assert 'make bench BENCH_ARGS="--only memory"' in report.read_text()
    wrong = CliRunner().invoke(suite.main, ["--only", "nothing", *options])
    assert wrong.exit_code == 2
    assert "must be among ceiling, kernels" in wrong.output
