"""`TrainingBar`: how far a training is, on stderr."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import click

from bnas.tools.tables import progress_bar

if TYPE_CHECKING:
    from bnas.search import EpochMetrics, StepMetrics

#: Weight of the newest step in the throughput that is shown.
_SMOOTHING = 0.1


class TrainingBar:
    """A bar over all steps with loss, accuracy and throughput; a line for every epoch.

    The bar needs a terminal, the lines do not.

    Args:
        epochs: Number of epochs of the training.
    """

    def __init__(self, epochs: int) -> None:
        """Make the bar; it shows from `__enter__` on."""
        self._epochs = epochs
        self._images_per_s: float | None = None
        self._bar = progress_bar(
            "loss {task.fields[loss]:.3f}",
            "held-out {task.fields[top1]}",
            "{task.fields[images_per_s]:.0f} images/s",
        )
        self._task = self._bar.add_task(
            "training", total=None, loss=float("nan"), top1="-", images_per_s=0.0
        )

    def __enter__(self) -> TrainingBar:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bar.stop()

    def show(self, metrics: StepMetrics | EpochMetrics) -> None:
        """Take notice of a step or of an epoch: what `bnas.search.train` calls."""
        from bnas.search import EpochMetrics

        if isinstance(metrics, EpochMetrics):
            self._show_epoch(metrics)
        else:
            self._show_step(metrics)

    def _show_epoch(self, epoch: EpochMetrics) -> None:
        line = (
            f"epoch {epoch.epoch + 1}/{self._epochs}: loss {epoch.loss:.3f}, training "
            f"{epoch.train_top1:.2f} %, held-out {epoch.holdout_top1:.2f} %, "
            f"{epoch.images_per_s:.0f} images/s"
        )
        if self._bar.disable:
            click.echo(line, err=True)
        else:
            self._bar.console.print(line)
        self._bar.update(self._task, top1=f"{epoch.holdout_top1:.2f} %")

    def _show_step(self, step: StepMetrics) -> None:
        before = self._images_per_s if self._images_per_s is not None else step.images_per_s
        self._images_per_s = before + _SMOOTHING * (step.images_per_s - before)
        self._bar.update(
            self._task,
            description=f"epoch {step.epoch + 1}/{self._epochs}",
            total=self._epochs * step.steps_per_epoch,
            completed=step.epoch * step.steps_per_epoch + step.step + 1,
            loss=step.loss,
            images_per_s=self._images_per_s,
        )
