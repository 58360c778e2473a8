"""Lines and branches of `bnas.binops` that its tests run, loop bodies of kernels included.

    python -m maintenance.nightly.coverage_lane

Coverage cannot look into machine code. So the tests run twice, and what either saw counts: with the
JIT off and GPUs simulated, where portable kernels and those for GPUs are Python; and compiled, with
an empty cache, where the emitters of vector code and the writers of tapes run. Bodies of tapes'
operations (`tape.*_kernel`) stay unseen: they call instructions, at addresses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from maintenance.nightly.figures import write_figures

PACKAGE = "bnas.binops"
FLOORS = Path(__file__).with_name("floors.toml")
_TESTS = "tests/binops"
#: What has a meaning in Python: no test here compiles a tape, asks for machine code, or needs the
#: GPU's compiler.
INTERPRETED = (
    "test_binops_testing.py",
    "test_bits.py",
    "test_convolution.py",
    "test_dispatch.py",
    "test_epilogues.py",
    "test_matmul.py",
    "test_pack.py",
    "test_pooling.py",
    "test_portable_conv.py",
    "test_table_cross.py",
    "cuda",
)
_NOT_INTERPRETED = "test_compilation.py"
#: Large enough for threads is too large for Python; small work is shared out by other tests.
_LARGE = "test_threads_do_not_change_the_counts or test_threads_do_not_change_any_epilogue"


RUNS = ("interpreted", "compiled")
ROOT = Path(__file__).parents[2]


@click.command()
@click.option("--run", "runs", type=click.Choice(RUNS), multiple=True, help="One of the two runs.")
@click.option("--combine", is_flag=True, help="Run nothing: put together what runs left.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / "build" / "nightly" / "coverage",
    help="For coverage's data.  [default: build/nightly/coverage]",
)
def main(runs: tuple[str, ...], combine: bool, folder: Path) -> None:
    """Measure, list every file, and fail under the floors."""
    folder.mkdir(parents=True, exist_ok=True)
    statuses = [_measure(folder, run) for run in ([] if combine else runs or RUNS)]
    if any(statuses) or (runs and not combine):
        # Not their maximum: a run that a signal ended has a negative one.
        sys.exit(1 if any(statuses) else 0)
    report = _combined(folder)
    found = by_folder(report["files"])
    floors = tomllib.loads(FLOORS.read_text(encoding="utf-8"))["percent"]
    for name, percent in found.items():
        click.echo(f"{percent:6.2f} %  {name}")
    low = shortfalls(found, floors)
    headline = f"{found['all']:.2f} % of lines and branches"
    write_figures("; ".join([headline, *low]), folders=found, files=percents(report["files"]))
    for line in low:
        click.echo(line, err=True)
    sys.exit(1 if low else 0)


def _measure(folder: Path, run: str) -> int:
    """Run the tests under coverage and return pytest's exit status."""
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "--durations", "20"]
    command = [
        *(sys.executable, "-m", "coverage", "run", "--branch", f"--source={PACKAGE}"),
        *(f"--data-file={folder / f'data.{run}'}", "-m", "pytest", *options, *_chosen(run)),
    ]
    click.echo(f"{run}:")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="bnas-coverage-") as cache:
        # CI's profile: the same examples every night, so that a change is one of the tree.
        variables = {"CI": "true", "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_CACHE_DIR": cache}
        if run == "interpreted":
            variables |= {"NUMBA_DISABLE_JIT": "1", "BNAS_BINOPS_BACKEND": "portable"}
        return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode


def _chosen(run: str) -> list[str]:
    """Return the tests of a run, as pytest's arguments."""
    if run == "compiled":
        return [_TESTS, "--ignore", f"{_TESTS}/cuda"]
    chosen = [f"{_TESTS}/{name}" for name in INTERPRETED]
    return [*chosen, "--ignore-glob", f"*/{_NOT_INTERPRETED}", "-k", f"not ({_LARGE})"]


def _combined(folder: Path) -> dict[str, Any]:
    """Put the runs together, print the table of files, and return coverage's JSON."""
    data = f"--data-file={folder / 'all'}"
    path = folder / "report.json"
    for command in (
        ["combine", "--quiet", "--keep", data, *(str(folder / f"data.{run}") for run in RUNS)],
        ["report", data, "--skip-empty"],
        ["json", "--quiet", data, "-o", str(path)],
    ):
        subprocess.run([sys.executable, "-m", "coverage", *command], check=True)
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def by_folder(files: dict[str, Any]) -> dict[str, float]:
    """Sum coverage up.

    Args:
        files: Coverage's JSON by path: each with a ``summary``.

    Returns:
        Percent of lines and branches together: of ``all``, and of every folder of the package,
        ``.`` for the files at its top.
    """
    seen: dict[str, list[int]] = {}
    for path, file in files.items():
        folder = path.replace("\\", "/").rpartition("bnas/binops/")[2].rpartition("/")[0] or "."
        summary = file["summary"]
        for name in ("all", folder):
            totals = seen.setdefault(name, [0, 0])
            totals[0] += summary["covered_lines"] + summary["covered_branches"]
            totals[1] += summary["num_statements"] + summary["num_branches"]
    return {name: round(100 * part / max(1, whole), 2) for name, (part, whole) in seen.items()}


def percents(files: dict[str, Any]) -> dict[str, float]:
    """Return percent of lines and branches of every file, by its path in the package."""
    return {
        path.replace("\\", "/").rpartition("bnas/binops/")[2]: round(
            float(file["summary"]["percent_covered"]), 2
        )
        for path, file in files.items()
    }


def shortfalls(found: dict[str, float], floors: dict[str, float]) -> Sequence[str]:
    """Say which folders are under their floor.

    Args:
        found: Percent by folder.
        floors: Least percent by folder.

    Returns:
        One line for each that is.
    """
    return [
        f"{folder}: {found.get(folder, 0.0):.2f} % is under the floor of {floor:.2f} %"
        for folder, floor in floors.items()
        if found.get(folder, 0.0) < floor
    ]


if __name__ == "__main__":
    main(prog_name="python -m maintenance.nightly.coverage_lane")
