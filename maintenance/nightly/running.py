"""Runs a lane in a process group of its own, so that nothing of it is left when it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve

from maintenance.nightly.figures import VARIABLE
from maintenance.nightly.lane import Lane
from maintenance.nightly.needs import obstacle
from maintenance.nightly.result import (
    FAILED,
    INTERRUPTED,
    NOT_RUN,
    PASSED,
    TIMED_OUT,
    Folder,
    Result,
)

#: Between asking a lane to end and making it.
GRACE_S = 10.0


class LaneInterrupted(KeyboardInterrupt):
    """Somebody pressed Ctrl-C while a lane ran.

    Attributes:
        result: What became of that lane.
    """

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


def run_lane(lane: Lane, root: Path, folder: Folder, state: str = "") -> Result:
    """Run a lane, or say what it needs; its output goes to a log.

    Args:
        lane: Which.
        root: The root of the repository, where it runs.
        folder: For the log and the figures.
        state: For the result.

    Returns:
        What became of it.

    Raises:
        LaneInterrupted: Ctrl-C; the lane was ended.
    """
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    result = Result(lane.name, NOT_RUN, begun=begun, state=state)
    lacking = [reason for need in lane.needs if (reason := obstacle(need, root))]
    if lacking:
        return evolve(result, about="; ".join(lacking))
    started = time.monotonic()
    folder.figures(lane.name).unlink(missing_ok=True)
    variables = {VARIABLE: str(folder.figures(lane.name).resolve()), **lane.environment}
    try:
        status = _call(lane, root, folder.log(lane.name), variables)
    except KeyboardInterrupt as error:
        seconds = round(time.monotonic() - started, 1)
        raise LaneInterrupted(evolve(result, verdict=INTERRUPTED, seconds=seconds)) from error
    result = evolve(result, seconds=round(time.monotonic() - started, 1))
    headline = str(folder.all_figures(lane.name)["headline"])
    if status is None:
        return evolve(result, verdict=TIMED_OUT, about=f"ended after {lane.limit_s:,.0f} s")
    if status:
        about = "; ".join(filter(None, [headline, f"exit status {status}"]))
        return evolve(result, verdict=FAILED, about=about)
    return evolve(result, verdict=PASSED, about=headline)


def _call(lane: Lane, root: Path, log: Path, variables: Mapping[str, str]) -> int | None:
    """Return the exit status; None if it ran over its limit and was ended."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            lane.command,
            cwd=root,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(lane.limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a process group: ask it, and after some time make it.

    Args:
        process: The leader, started with ``start_new_session=True``.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE_S
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                process.poll()  # a leader that has ended is no member any more only once it is read
                os.killpg(process.pid, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            return
