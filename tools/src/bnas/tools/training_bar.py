"""`TrainingBar`: how far a training is, on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

import click

from bnas.tools.tables import progress_bar
from bnas.tools.units import NONE, percent

if TYPE_CHECKING:
    from rich.progress import Progress

    from bnas.search import EpochMetrics, StepMetrics

#: Weight of the newest step in the throughput that is shown.
_SMOOTHING = 0.1


class TrainingBar:
    """A bar over all steps with loss, learning rate, accuracy, throughput; a line for every epoch.

    The bar needs a terminal, the lines do not. Both say how long the rest of the run will take.

    Args:
        epochs: Number of epochs of the training.
        epoch_costs: For each epoch, the time that it takes in any unit, such as the pixels of an
            image: the rest of a run whose images grow is not as fast as its beginning. None for
            epochs that are all alike.
    """

    def __init__(self, epochs: int, epoch_costs: Sequence[float] | None = None) -> None:
        """Make the bar; it shows from `__enter__` on."""
        self._epochs = epochs
        self._costs = [1.0] * epochs if epoch_costs is None else list(epoch_costs)
        self._images_per_s: float | None = None
        self._begun: tuple[float, float] | None = None
        self._bar = _bar()
        self._task = self._bar.add_task(
            "training", total=None, loss=NONE, rate=NONE, top1=NONE, images_per_s=NONE
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
        facts = [
            f"loss {epoch.loss:.3f}",
            f"training {percent(epoch.train_top1)}",
            f"held-out {percent(epoch.holdout_top1)}",
            f"learning rate {epoch.learning_rate:.3g}",
            f"{epoch.images_per_s:.0f} images/s",
        ]
        left = self._seconds_left(sum(self._costs[: epoch.epoch + 1]))
        if left:
            facts.append(f"{timedelta(seconds=round(left))} left")
        line = f"epoch {epoch.epoch + 1}/{self._epochs}: {', '.join(facts)}"
        if self._bar.disable:
            click.echo(line, err=True)
        else:
            self._bar.console.print(line)
        self._bar.update(self._task, top1=percent(epoch.holdout_top1))

    def _show_step(self, step: StepMetrics) -> None:
        before = self._images_per_s if self._images_per_s is not None else step.images_per_s
        self._images_per_s = before + _SMOOTHING * (step.images_per_s - before)
        part = (step.step + 1) / step.steps_per_epoch
        done = sum(self._costs[: step.epoch]) + part * self._costs[step.epoch]
        if self._begun is None:
            # After a first step, that is: it may have waited for a compiler.
            self._begun = monotonic(), done
        self._bar.update(
            self._task,
            description=f"epoch {step.epoch + 1}/{self._epochs}",
            total=sum(self._costs),
            completed=done,
            loss=f"{step.loss:.3f}",
            rate=f"{step.learning_rate:.3g}",
            images_per_s=f"{self._images_per_s:.0f}",
        )

    def _seconds_left(self, done: float) -> float | None:
        """Return the time that the rest will take at the speed of this process so far.

        Args:
            done: In the unit of the costs.
        """
        if self._begun is None or done <= self._begun[1]:
            return None
        begun, done_before = self._begun
        return (monotonic() - begun) / (done - done_before) * (sum(self._costs) - done)


def _bar() -> Progress:
    from rich.progress import MofNCompleteColumn

    bar = progress_bar(
        "loss {task.fields[loss]}",
        "lr {task.fields[rate]}",
        "held-out {task.fields[top1]}",
        "{task.fields[images_per_s]} images/s",
    )
    # The epoch and the bar say it already; on a terminal of 80 columns there is no room for both.
    bar.columns = tuple(each for each in bar.columns if not isinstance(each, MofNCompleteColumn))
    return bar
