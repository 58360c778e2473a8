"""Benchmarks against other runtimes, their ratios compared with the committed ones.

    python -m maintenance.nightly.benchmark_lane --only kernels

Times differ between machines and hours; how many times faster than torch a kernel is, timed in
turns with it, differs far less. What fell is measured once more before it is called a regression.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from attrs import asdict

from benchmarks.results import BEGIN, END
from bnas.binops.threads import processors
from bnas.tools.lists import Names
from maintenance.nightly.figures import write_figures
from maintenance.nightly.ratios import (
    Contest,
    Regression,
    Speedup,
    Tolerance,
    regressions,
    speedups,
    still,
)

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "benchmarks" / "results"
#: Parts that time ours beside others on a CPU, and that the development environment can run.
PARTS = ("kernels", "networks")
#: Half of the suite's own: a ratio that fell gets as many again.
ROUNDS = 6
#: Measured twice on two cores that twelve processes wanted, against committed ratios of a quiet
#: machine. Of 32 ratios of kernels the lowest was 0.95 of the committed one by minima, 0.92 by
#: medians; of 24 of networks, whose calls are long enough to be interrupted, 0.77 and 0.66.
TOLERANCES = {"kernels": Tolerance(0.15, 0.20), "networks": Tolerance(0.30, 0.40)}
#: Where the committed ratios come from a CPU of another kind, with vectors of another width.
ELSEWHERE = Tolerance(0.60, 0.60)
#: Load average at the beginning, by core, from which on the figures flatter the shorter calls.
BUSY = 0.5


@click.command()
@click.option(
    "--only", type=Names(PARTS), default=",".join(PARTS), show_default=True, help="Parts."
)
@click.option("--rounds", type=click.IntRange(min=1), default=ROUNDS, show_default=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / "build" / "nightly" / "benchmarks",
    help="For what is measured.  [default: build/nightly/benchmarks]",
)
def main(only: tuple[str, ...], rounds: int, folder: Path) -> None:
    """Measure parts of the suite and name every ratio that fell."""
    parts, load = only, os.getloadavg()[0]
    old, new = read_speedups(COMMITTED, parts), measure(parts, rounds, folder / "first")
    tolerances = tolerances_for(COMMITTED, folder / "first", parts)
    fallen = regressions(old, new, tolerances)
    again = tuple(part for part in parts if any(each.contest.part == part for each in fallen))
    if again:
        _tell("fell, and is measured again", fallen)
        second = regressions(old, measure(again, rounds, folder / "second"), tolerances)
        fallen = still(fallen, second)
    compared = [key for key in old if key in new]
    for key in compared:
        click.echo(f"{key}: {new[key].minima:.2f} (was {old[key].minima:.2f})")
    _tell("REGRESSION", fallen)
    worst_of_all = min((change(old, new, key) for key in compared), default=1.0)
    headline = f"{len(compared)} ratios, {len(fallen)} fell too far, the lowest to {worst_of_all}"
    worst = f": {fallen[0]}" if fallen else ""
    if load > BUSY * processors():
        # The other runtimes' calls are longer, and so more of them are interrupted.
        worst += f"; the machine was busy (load average {load:.1f}), which can hide a loss"
    write_figures(
        headline + worst,
        tolerances={part: asdict(tolerance) for part, tolerance in tolerances.items()},
        ratios={
            str(key): {
                "old": old[key].minima,
                "new": new[key].minima,
                "change": change(old, new, key),
            }
            for key in compared
        },
        regressions=[str(each) for each in fallen],
    )
    if not compared:
        raise click.ClickException(
            f"nothing to compare: no part of {', '.join(parts)} ran beside another runtime"
        )
    sys.exit(1 if fallen else 0)


def measure(parts: Sequence[str], rounds: int, folder: Path) -> dict[Contest, Speedup]:
    """Run parts of the suite in a process of their own.

    Args:
        parts: Their names.
        rounds: Turns of each contender.
        folder: For the measurements; the committed ones stay as they are.

    Returns:
        Their ratios.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "RESULTS.md"
    report.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks", "--only", ",".join(parts)]
    command += ["--rounds", str(rounds), "--results", str(folder), "--report", str(report)]
    subprocess.run(command, cwd=ROOT, check=True)
    return read_speedups(folder, parts)


def read_speedups(folder: Path, parts: Sequence[str]) -> dict[Contest, Speedup]:
    """Return the ratios of parts whose measurements are in a folder."""
    return {
        contest: speedup
        for part in parts
        for contest, speedup in speedups(part, _document(folder, part)["records"]).items()
    }


def tolerances_for(old: Path, new: Path, parts: Sequence[str]) -> dict[str, Tolerance]:
    """Return what may be lost of the ratios of each part: less if both are of one kind of CPU."""

    def kind(folder: Path, part: str) -> Any:
        return _document(folder, part)["machine"]["microarchitecture"]

    return {
        part: TOLERANCES[part] if kind(old, part) == kind(new, part) else ELSEWHERE
        for part in parts
    }


def change(old: dict[Contest, Speedup], new: dict[Contest, Speedup], key: Contest) -> float:
    """Return new by old, rounded."""
    return round(Regression(key, old[key], new[key]).change, 3)


def _document(folder: Path, part: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
    return document


def _tell(what: str, fallen: Sequence[Regression]) -> None:
    for each in fallen:
        click.echo(f"{what}: {each}", err=True)


if __name__ == "__main__":
    main(prog_name="python -m maintenance.nightly.benchmark_lane")
