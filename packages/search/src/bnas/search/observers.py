"""What looks on while a run goes: progress, TensorBoard events, the learning curve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnas.search.curves import draw_curves, require_matplotlib
from bnas.search.epoch import Progress
from bnas.search.errors import CheckpointError, reason_of
from bnas.search.event_log import EventLog
from bnas.search.history import EpochMetrics, StepMetrics
from bnas.search.run import Run

CURVES_NAME = "curves.png"
EVENTS_NAME = "events"


@contextmanager
def observed(run: Run, progress: Progress) -> Iterator[Progress]:
    """Yield what a run is to call; in the end, and after an error too, close what was opened.

    Args:
        run: The run, whose options say what is wanted.
        progress: Called last.

    Raises:
        MissingExtraError: TensorBoard or matplotlib is wanted and not installed.
        CheckpointError: The directory of the events cannot be made.
    """
    if not run.processes.leads:
        yield progress
        return
    if run.options.curves:
        require_matplotlib()
    log = None
    if run.options.event_log:
        steps = run.batches.steps_per_epoch
        log = open_log(run.directory, run.epoch * steps + run.step, steps)

    def report(metrics: StepMetrics | EpochMetrics) -> None:
        # The log first: what is written is kept even if `progress` raises.
        if log is not None:
            log.write(metrics)
        progress(metrics)

    try:
        yield report
    finally:
        if log is not None:
            log.close()


def draw_if_wanted(run: Run) -> None:
    """Draw the learning curve; to be called when all that matters more is on the disk.

    Raises:
        OSError: The picture cannot be written.
    """
    if run.options.curves and run.history and run.processes.leads:
        draw_curves(run.history, run.directory / CURVES_NAME)


def open_log(directory: Path, first_step: int, steps_per_epoch: int) -> EventLog:
    """Open the log of events in a directory of a run; arguments as of `EventLog`.

    Raises:
        MissingExtraError: TensorBoard is not installed.
        CheckpointError: The directory of the events cannot be made.
    """
    events = directory / EVENTS_NAME
    try:
        return EventLog(events, first_step, steps_per_epoch)
    except OSError as error:
        raise CheckpointError(f"{events} cannot be written ({reason_of(error)})", events) from error
