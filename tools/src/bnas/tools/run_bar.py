"""`RunBar`: how far a run of many epochs is, on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from bnas.tools.tables import progress_bar
from bnas.tools.units import NONE

if TYPE_CHECKING:
    from rich.progress import Progress

    from bnas.search import StepMetrics

#: Weight of the newest step in the throughput that is shown.
_SMOOTHING = 0.1


class RunBar:
    """A bar over all steps and the time that is left; lines for what deserves one.

    The bar needs a terminal, the lines do not.

    Args:
        what: What runs, such as ``"training"``.
        epochs: Number of epochs of the run.
        columns: Name -> what stands before it; each is shown as its last value.
        epoch_costs: For each epoch, the time that it takes in any unit, such as the pixels of an
            image: the rest of a run whose images grow is not as fast as its beginning. None for
            epochs that are all alike.
    """

    def __init__(
        self,
        what: str,
        epochs: int,
        columns: dict[str, str],
        epoch_costs: Sequence[float] | None = None,
    ) -> None:
        """Make the bar; it shows from `__enter__` on."""
        self._epochs = epochs
        self._costs = [1.0] * epochs if epoch_costs is None else list(epoch_costs)
        self._images_per_s: float | None = None
        self._begun: tuple[float, float] | None = None
        self._bar = _bar(columns)
        fields: dict[str, Any] = dict.fromkeys((*columns, "images_per_s"), NONE)
        self._task = self._bar.add_task(what, total=None, **fields)

    def __enter__(self) -> Self:
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

    def tell(self, line: str) -> None:
        """Write a line, above the bar if there is one."""
        if self._bar.disable:
            click.echo(line, err=True)
        else:
            self._bar.console.print(line)

    def tell_epoch(self, epoch: int, facts: Sequence[str]) -> None:
        """Write a line about an epoch, counted from 0, and how long the rest will take."""
        left = self._seconds_left(sum(self._costs[: epoch + 1]))
        rest = [f"{timedelta(seconds=round(left))} left"] if left else []
        self.tell(f"epoch {epoch + 1}/{self._epochs}: {', '.join([*facts, *rest])}")

    def update(self, **values: Any) -> None:
        """Show other values of columns."""
        self._bar.update(self._task, **values)

    def advance(self, step: StepMetrics, **values: Any) -> None:
        """Show that a step is done, and values of columns."""
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
            images_per_s=f"{self._images_per_s:.0f}",
            **values,
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


def _bar(columns: dict[str, str]) -> Progress:
    from rich.progress import MofNCompleteColumn

    shown = [f"{label} {{task.fields[{name}]}}" for name, label in columns.items()]
    bar = progress_bar(*shown, "{task.fields[images_per_s]} images/s")
    # The epoch and the bar say it already; on a terminal of 80 columns there is no room for both.
    bar.columns = tuple(each for each in bar.columns if not isinstance(each, MofNCompleteColumn))
    return bar
