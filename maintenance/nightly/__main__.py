"""Run the lanes of the nightly profile, one after the other.

make nightly
make nightly LANES=hypothesis,coverage CASES=2000
python -m maintenance.nightly --list
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from bnas.tools.bench.machine import machine
from maintenance.nightly.lane import Lane, UnknownLaneError, choose_lanes, read_lanes
from maintenance.nightly.repository import UNKNOWN, state_of
from maintenance.nightly.result import NOT_RUN, PASSED, Folder, Result
from maintenance.nightly.running import LaneInterrupted, run_lane
from maintenance.nightly.summary import last_lines, show_summary, write_summary

ROOT = Path(__file__).parents[2]


@click.command()
@click.option("--lanes", default="", metavar="LANE,…", help="Some of them; all by default.")
@click.option("--cases", type=click.IntRange(min=1), default=100_000, show_default=True)
@click.option("--resume", is_flag=True, help="Keep what passed with these very sources and cases.")
@click.option("--require-all", is_flag=True, help="Fail, too, where a lane lacks what it needs.")
@click.option("--list", "only_list", is_flag=True, help="List the lanes and end.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / "build" / "nightly",
    help="For results and logs.  [default: build/nightly]",
)
def main(
    lanes: str, cases: int, resume: bool, require_all: bool, only_list: bool, folder: Path
) -> None:
    """Run lanes; exit with 1 if one failed, 130 after Ctrl-C."""
    console = Console()
    known = {
        name: lane.filled({"python": sys.executable, "cases": str(cases)})
        for name, lane in read_lanes().items()
    }
    if only_list:
        for lane in known.values():
            console.print(f"[bold]{lane.name}[/]  {escape(lane.about)}", soft_wrap=True)
        return
    try:
        chosen = choose_lanes(known, [name for name in lanes.split(",") if name])
    except UnknownLaneError as error:
        raise click.UsageError(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    sources = state_of(ROOT)
    state = f"{sources}, {cases:,} cases"
    if resume and sources == UNKNOWN:
        console.print("nothing is kept: without Git these may be other sources")
        resume = False
    results, interrupted = run_lanes(chosen, Folder(folder), state, resume, console)
    page = write_summary(Folder(folder), results, machine())
    show_summary(results, console)
    console.print(f"{page}", soft_wrap=True)
    if interrupted:
        sys.exit(130)
    sys.exit(any(result.is_failure(require_all) for result in results))


def run_lanes(
    lanes: Sequence[Lane], folder: Folder, state: str, resume: bool, console: Console
) -> tuple[list[Result], bool]:
    """Run lanes in turn, and keep each result as soon as it is there.

    Args:
        lanes: Which.
        folder: For results, logs and figures.
        state: Names the sources and the number of cases.
        resume: Lanes that passed in this state are not run again.
        console: Told what begins and ends.

    Returns:
        Results of the lanes that were reached, and whether Ctrl-C ended it.
    """
    results: list[Result] = []
    for lane in lanes:
        kept = folder.read(lane.name)
        if resume and kept and (kept.verdict, kept.state) == (PASSED, state):
            console.print(f"{lane.name}: passed before, with the same sources")
            results.append(kept)
            continue
        console.print(f"{lane.name}: {escape(lane.about)} …")
        try:
            result, interrupted = run_lane(lane, ROOT, folder, state), False
        except LaneInterrupted as error:
            result, interrupted = error.result, True
        folder.write(result)
        results.append(result)
        console.print(f"{lane.name}: {result.verdict}; {escape(result.about)}", soft_wrap=True)
        if interrupted:
            return results, True
        if result.verdict not in (PASSED, NOT_RUN):
            console.print(last_lines(folder.log(lane.name)), markup=False, soft_wrap=True)
    return results, False


if __name__ == "__main__":
    # Whoever ends this ends the lane with it: it runs in a session of its own.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main(prog_name="python -m maintenance.nightly")
