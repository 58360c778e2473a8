"""What a run measured, one record an epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import attrs
from attrs import frozen


@frozen(kw_only=True)
class EpochMetrics:
    """Measurements of one epoch.

    Attributes:
        epoch: From 0.
        side: Height and width of the images in pixels, in training and in `holdout_top1`.
        learning_rate: Of the last step.
        loss: Mean of the training batches: cross entropy, with label smoothing and distillation as
            the recipe has them.
        train_top1: Percent, over the augmented training batches as they were met.
        holdout_top1: Percent, over the held-out images after the epoch.
        images_per_s: Training throughput of the process that finished the epoch.
        seconds: Wall time of the epoch's training, in all processes one after the other.
    """

    epoch: int
    side: int
    learning_rate: float
    loss: float
    train_top1: float
    holdout_top1: float
    images_per_s: float
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> EpochMetrics:
        """Build a record from what `to_dict` returns."""
        return cls(**record)


@frozen(kw_only=True)
class StepMetrics:
    """Measurements of one step of a training or a search.

    Attributes:
        epoch: From 0.
        step: Within the epoch, from 0.
        steps_per_epoch: Number of steps of every epoch.
        learning_rate: Of the weights in this step.
        loss: Of this batch, as in `EpochMetrics`; of a search, of the weights' half. Under
            ``torchrun``, of this process's share.
        images_per_s: Throughput of this step; of a search, of both halves together.
    """

    epoch: int
    step: int
    steps_per_epoch: int
    learning_rate: float
    loss: float
    images_per_s: float


def to_csv(history: Iterable[EpochMetrics]) -> str:
    """Return the records as CSV with a header line."""
    text = io.StringIO()
    names = [item.name for item in attrs.fields(EpochMetrics)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for record in history:
        writer.writerow(record.to_dict())
    return text.getvalue()
