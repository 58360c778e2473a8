"""Run the suite, or parts of it, and bring RESULTS.md up to date.

    make bench
    make bench BENCH_ARGS="--only kernels,ceiling"
    python -m benchmarks --only cuda,cuda_networks

Each part writes ``results/PART.json`` (and a chart beside it) when it is done, so that a suite that
is interrupted goes on with ``--only`` and what is missing. RESULTS.md is made of those files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks import c_export, ceiling, cuda, kernels, networks
from benchmarks.c_compiler import CompilerError
from benchmarks.results import write_part, write_section
from bnas.tools.bench import Findings, NoGpuError
from bnas.tools.bench.device_time import require_gpu
from bnas.tools.lists import Names

_HERE = Path(__file__).parent

Tell = Callable[[str], None]
#: Part -> what measures it, given the rounds.
PARTS: dict[str, Callable[[int, Tell], Findings | dict[str, Any]]] = {
    "ceiling": lambda rounds, tell: {"loops": ceiling.measure()},
    "kernels": kernels.single,
    "chains": kernels.chains,
    "networks": networks.single_images,
    "threads": networks.threads,
    "memory": networks.memory,
    "c_export": c_export.measure,
    "cuda": cuda.measure,
    "cuda_networks": cuda.measure_networks,
}


@click.command()
@click.option(
    "--only",
    type=Names(tuple(PARTS)),
    metavar="PART,…",
    help=f"Parts among {', '.join(PARTS)}; all that this machine can run by default.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=12, show_default=True)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=_HERE / "results",
    help="Where the measurements go.  [default: results, beside this file]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    default=_HERE / "RESULTS.md",
    help="The report whose section is made anew.  [default: RESULTS.md, beside this file]",
)
def main(only: tuple[str, ...] | None, rounds: int, results: Path, report: Path) -> None:
    """Measure kernels and networks against other runtimes on this machine."""
    results.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()

    def tell(line: str) -> None:
        click.echo(f"[{time.monotonic() - begun:4.0f} s] {line}", err=True)

    chosen = only or _parts_of_this_machine(tell)
    command = "make bench" if only is None else f'make bench BENCH_ARGS="--only {",".join(only)}"'
    for part in chosen:
        tell(f"{part} begins")
        try:
            content = PARTS[part](rounds, tell)
        except CompilerError as error:
            raise click.ClickException(f"{error}; --only leaves this part out") from error
        except NoGpuError as error:
            raise click.ClickException(str(error)) from error
        write_part(results, part, content, command)
        measured = content if isinstance(content, dict) else content.to_dict()
        for skipped in measured.get("skipped", ()):
            tell(f"left out: {skipped['runtime']}: {skipped['reason']}")
    write_section(report, results)
    tell(f"{report.name} is up to date")


def _parts_of_this_machine(tell: Tell) -> tuple[str, ...]:
    """Return all parts, without those that need a GPU where there is none."""
    try:
        require_gpu()
    except NoGpuError as error:
        tell(f"cuda is left out: {error}")
        return tuple(part for part in PARTS if not part.startswith("cuda"))
    return tuple(PARTS)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
