"""`EventLog`: what a run measured, as TensorBoard events."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from pathlib import Path

from bnas.search.errors import MissingExtraError
from bnas.search.history import EpochMetrics, StepMetrics


class EventLog:
    """Writes scalars; a resumed run replaces what a killed one wrote after its checkpoint.

    The x axis is the number of steps. Of steps: loss, learning rate, images/s; of epochs: loss,
    top-1 in percent of training and held-out images, images/s. What is written is on its way to the
    disk at once: TensorBoard's writer alone would keep up to two minutes of it to itself, which a
    kill would take from before the last checkpoint.
    """

    def __init__(
        self, directory: Path, first_step: int, steps_per_epoch: int, every: int = 10
    ) -> None:
        """Begin to write.

        Args:
            directory: Created if missing.
            first_step: Events of this step and later ones, from an earlier process, are void.
            steps_per_epoch: Where on the axis of steps an epoch ends.
            every: Steps of which the first that is reported is written; on a GPU not all are.

        Raises:
            MissingExtraError: TensorBoard is not installed.
            OSError: The directory cannot be made.
        """
        try:
            importlib.import_module("tensorboard")
            module = importlib.import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise MissingExtraError("TensorBoard events", "tensorboard") from error
        # Here, for an OSError: where TensorFlow is installed, TensorBoard writes through it, whose
        # errors are its own.
        directory.mkdir(parents=True, exist_ok=True)
        _await_fresh_name(directory)
        self._steps_per_epoch = steps_per_epoch
        self._every = every
        self._last_step = first_step - 1
        self._writer = module.SummaryWriter(str(directory), purge_step=first_step)

    def write(self, metrics: StepMetrics | EpochMetrics) -> None:
        """Write what a step or an epoch measured."""
        if isinstance(metrics, EpochMetrics):
            names = ("loss", "train_top1", "holdout_top1", "images_per_s")
            self.write_epoch(metrics.epoch, {name: getattr(metrics, name) for name in names})
        else:
            self.write_step(metrics)

    def close(self) -> None:
        """Write what is still to be written."""
        self._writer.close()

    def write_step(self, metrics: StepMetrics) -> None:
        """Write loss, learning rate and images/s of a step, unless one was written just before."""
        step = metrics.epoch * metrics.steps_per_epoch + metrics.step
        # Not `step % every`: where only the steps 19, 39, ... are reported, none would be written.
        begins = step // self._every > self._last_step // self._every
        self._last_step = step
        if not begins:
            return
        names = ("loss", "learning_rate", "images_per_s")
        self._add("step", step, {name: getattr(metrics, name) for name in names})

    def write_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write numbers by name, at the last step of an epoch, which is counted from 0."""
        self._add("epoch", (epoch + 1) * self._steps_per_epoch - 1, values)

    def _add(self, group: str, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)
        self._writer.flush()


def _await_fresh_name(directory: Path) -> None:
    """Wait, for less than a second, until no file of events begins with the second that it is.

    TensorBoard reads files in the order of their names. Two that begin in one second would be
    ordered by the writers' process ids as text, and what is void be taken from the wrong one.
    """
    while any(directory.glob(f"events.out.tfevents.{int(time.time()):010d}.*")):
        time.sleep(0.02)
