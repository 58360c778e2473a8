"""`TrainingBar`: how far a training is, on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnas.tools.run_bar import RunBar
from bnas.tools.units import percent

if TYPE_CHECKING:
    from bnas.search import EpochMetrics, StepMetrics

_COLUMNS = {"loss": "loss", "rate": "lr", "top1": "held-out"}


class TrainingBar(RunBar):
    """A bar over all steps with loss, learning rate, accuracy, throughput; a line for every epoch.

    Both say how long the rest of the run will take.

    Args:
        epochs: Number of epochs of the training.
        epoch_costs: As of `RunBar`.
    """

    def __init__(self, epochs: int, epoch_costs: Sequence[float] | None = None) -> None:
        """Make the bar; it shows from `__enter__` on."""
        super().__init__("training", epochs, _COLUMNS, epoch_costs)

    def show(self, metrics: StepMetrics | EpochMetrics) -> None:
        """Take notice of a step or of an epoch: what `bnas.search.train` calls."""
        from bnas.search import EpochMetrics

        if isinstance(metrics, EpochMetrics):
            self._show_epoch(metrics)
        else:
            rate = f"{metrics.learning_rate:.3g}"
            self.advance(metrics, loss=f"{metrics.loss:.3f}", rate=rate)

    def _show_epoch(self, epoch: EpochMetrics) -> None:
        facts = [
            f"loss {epoch.loss:.3f}",
            f"training {percent(epoch.train_top1)}",
            f"held-out {percent(epoch.holdout_top1)}",
            f"learning rate {epoch.learning_rate:.3g}",
            f"{epoch.images_per_s:.0f} images/s",
        ]
        self.tell_epoch(epoch.epoch, facts)
        self.update(top1=percent(epoch.holdout_top1))
