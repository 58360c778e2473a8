"""`Result`: what became of a lane, and the file that keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen
from attrs.validators import in_

from maintenance.nightly.figures import read_figures

PASSED, FAILED, TIMED_OUT = "passed", "failed", "ran over its limit"
INTERRUPTED, NOT_RUN = "interrupted", "not run"
VERDICTS = (PASSED, FAILED, TIMED_OUT, INTERRUPTED, NOT_RUN)


@frozen
class Result:
    """What became of a lane.

    Attributes:
        lane: Its name.
        verdict: One of `VERDICTS`.
        seconds: What it took.
        about: One line: its own figures, or why it was not run or did not pass.
        begun: When, in UTC, ISO 8601.
        state: What was tested: see `repository.state_of`; the cases that were asked for, too.
    """

    lane: str
    verdict: str = field(validator=in_(VERDICTS))
    seconds: float = 0.0
    about: str = ""
    begun: str = ""
    state: str = ""

    def is_failure(self, require_all: bool = False) -> bool:
        """Whether the whole run fails for it.

        Args:
            require_all: What was not run for want of data or of a CPU fails it, too.
        """
        return self.verdict != PASSED and (self.verdict != NOT_RUN or require_all)


class Folder:
    """Where results, logs and figures are kept, one file of each for a lane.

    Args:
        path: The folder; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def log(self, lane: str) -> Path:
        """The lane's output."""
        return self.path / f"{lane}.log"

    def figures(self, lane: str) -> Path:
        """What the lane says of itself."""
        return self.path / f"{lane}.figures.json"

    def write(self, result: Result) -> None:
        """Keep a result."""
        text = json.dumps(asdict(result), indent=2) + "\n"
        self._result(result.lane).write_text(text, encoding="utf-8")

    def read(self, lane: str) -> Result | None:
        """Return the kept result of a lane; None if there is none that can be read."""
        try:
            return Result(**json.loads(self._result(lane).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def all_figures(self, lane: str) -> dict[str, Any]:
        """Return what a lane said of itself."""
        return read_figures(self.figures(lane))

    def _result(self, lane: str) -> Path:
        return self.path / f"{lane}.json"
