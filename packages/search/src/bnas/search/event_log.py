"""`EventLog`: what a run measured, as TensorBoard events."""

from __future__ import annotations

import importlib
from pathlib import Path

from bnas.search.errors import MissingExtraError
from bnas.search.history import EpochMetrics, StepMetrics


class EventLog:
    """Writes scalars; a resumed run replaces what a killed one wrote after its checkpoint.

    The x axis is the number of steps. Of steps: loss, learning rate, images/s; of epochs: loss,
    top-1 in percent of training and held-out images.
    """

    def __init__(
        self, directory: Path, first_step: int, steps_per_epoch: int, every: int = 10
    ) -> None:
        """Begin to write.

        Args:
            directory: Created if missing.
            first_step: Events of this step and later ones, from an earlier process, are void.
            steps_per_epoch: Where on the axis of steps an epoch ends.
            every: Steps of which one is written.

        Raises:
            MissingExtraError: TensorBoard is not installed.
        """
        try:
            importlib.import_module("tensorboard")
            module = importlib.import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise MissingExtraError("TensorBoard events", "tensorboard") from error
        self._steps_per_epoch = steps_per_epoch
        self._every = every
        self._writer = module.SummaryWriter(str(directory), purge_step=first_step)

    def write(self, metrics: StepMetrics | EpochMetrics) -> None:
        """Write what a step or an epoch measured."""
        if isinstance(metrics, EpochMetrics):
            self._write_epoch(metrics)
        else:
            self._write_step(metrics)

    def close(self) -> None:
        """Write what is still to be written."""
        self._writer.close()

    def _write_step(self, metrics: StepMetrics) -> None:
        step = metrics.epoch * metrics.steps_per_epoch + metrics.step
        if step % self._every:
            return
        self._writer.add_scalar("step/loss", metrics.loss, step)
        self._writer.add_scalar("step/learning_rate", metrics.learning_rate, step)
        self._writer.add_scalar("step/images_per_s", metrics.images_per_s, step)

    def _write_epoch(self, metrics: EpochMetrics) -> None:
        step = (metrics.epoch + 1) * self._steps_per_epoch - 1
        for name in ("loss", "train_top1", "holdout_top1", "images_per_s"):
            self._writer.add_scalar(f"epoch/{name}", getattr(metrics, name), step)
