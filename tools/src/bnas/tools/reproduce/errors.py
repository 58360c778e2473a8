"""Errors of reproductions; each is a builtin exception too."""

from __future__ import annotations

from pathlib import Path


class ReproduceError(Exception):
    """Base of every error that a reproduction raises on purpose."""


class ScaleError(ReproduceError, ValueError):
    """A scale that is unknown, or has a field outside its range."""


class UnfinishedError(ReproduceError, TimeoutError):
    """The time limit came before all trainings were done.

    Attributes:
        stopped: Trainings that are not finished.
        trainings: Of how many.
    """

    def __init__(self, stopped: int, trainings: int, out_dir: Path) -> None:
        """Say how to go on."""
        self.stopped = stopped
        self.trainings = trainings
        super().__init__(
            f"the time limit came first: {stopped} of {trainings} trainings are not finished; the "
            f"same command goes on from {out_dir}"
        )


class DestinationError(ReproduceError, OSError):
    """The output directory cannot be written."""
