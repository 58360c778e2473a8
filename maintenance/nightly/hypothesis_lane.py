"""The property tests of all kernels on one backend, with 100,000 cases.

python -m maintenance.nightly.hypothesis_lane --backend avx2 --cases 2000
"""

from __future__ import annotations

import os
import sys
import time

import click
import pytest

from maintenance.nightly.case_counter import CaseCounter
from maintenance.nightly.families import FAMILIES, files
from maintenance.nightly.figures import write_figures


@click.command()
@click.option(
    "--backend", required=True, help="Of arrays in host memory, as BNAS_BINOPS_BACKEND names it."
)
@click.option("--cases", type=click.IntRange(min=1), default=100_000, show_default=True)
@click.option("--family", type=click.Choice(tuple(FAMILIES)), help="One family of kernels alone.")
def main(backend: str, cases: int, family: str | None) -> None:
    """Run the property tests of the kernels and count their cases."""
    # Read when tests are collected (the profile) and when kernels are chosen.
    os.environ["BNAS_TEST_PROFILE"] = "nightly"
    os.environ["BNAS_BINOPS_BACKEND"] = backend
    # References are products of small matrices: threads would wait longer than they work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    families = tuple(FAMILIES) if family is None else (family,)
    counter = CaseCounter(cases, backend, families)
    begun = time.monotonic()
    arguments = [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-v",
        "--durations=0",
        *files(families),
    ]
    status = int(pytest.main(arguments, plugins=[counter]))
    executed = counter.executed.total()
    seconds = time.monotonic() - begun
    for name, count in counter.by_family().items():
        click.echo(f"{count:9,} cases  {name}")
    headline = f"{executed:,} cases, {executed / seconds:.0f} a second"
    click.echo(f"{backend}: {headline}; {counter.rejected.total():,} more were rejected")
    write_figures(
        headline,
        backend=backend,
        asked=cases,
        executed=executed,
        rejected=counter.rejected.total(),
        families=counter.by_family(),
        tests={
            node: {"cases": counter.executed[node], "seconds": taken}
            for node, taken in counter.seconds.items()
        },
    )
    if status == 0 and executed < cases:
        raise click.ClickException(
            f"the tests of {backend} ran {executed:,} cases where {cases:,} were asked for: one of "
            "them has fewer cases than its share"
        )
    sys.exit(status)


if __name__ == "__main__":
    main(prog_name="python -m maintenance.nightly.hypothesis_lane")
