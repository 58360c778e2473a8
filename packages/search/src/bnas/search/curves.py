"""`draw_curves`: the learning curve of a run as a picture."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bnas.cells.atomic_file import draft_of
from bnas.search.errors import MissingExtraError
from bnas.search.history import EpochMetrics

_TRAIN, _HOLDOUT, _LOSS, _RATE = "#8da0cb", "#d95f02", "#444444", "#1b9e77"


def require_matplotlib() -> Any:
    """Return matplotlib's module of figures.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        return importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError("Learning curves", "plot") from error


def draw_curves(history: Sequence[EpochMetrics], path: Path) -> None:
    """Draw accuracy, loss and learning rate by epoch.

    Args:
        history: At least one record; a change of the images' side is marked.
        path: PNG, SVG or PDF by its suffix; written whole or not at all.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: The picture cannot be written.
    """
    figure = require_matplotlib().Figure(figsize=(7.2, 6.4), layout="constrained")
    accuracy, loss, rate = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 1])
    epochs = [record.epoch + 1 for record in history]
    marker = "o" if len(history) < 2 else None
    for name, colour, label in (
        ("train_top1", _TRAIN, "training batches"),
        ("holdout_top1", _HOLDOUT, "held-out images"),
    ):
        values = [getattr(record, name) for record in history]
        accuracy.plot(
            epochs, values, color=colour, label=f"{label}, last {values[-1]:.1f} %", marker=marker
        )
    accuracy.set_ylabel("top-1, %")
    accuracy.legend(loc="lower right", frameon=False)
    loss.plot(epochs, [record.loss for record in history], color=_LOSS, marker=marker)
    loss.set_ylabel("training loss")
    rate.plot(epochs, [record.learning_rate for record in history], color=_RATE, marker=marker)
    rate.set_ylabel("learning rate")
    rate.set_xlabel("epoch")
    rate.xaxis.get_major_locator().set_params(integer=True)
    for axes in (accuracy, loss, rate):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    _mark_stages((accuracy, loss, rate), history)
    with draft_of(path) as file:
        figure.savefig(file, format=path.suffix[1:] or "png", dpi=150)


def _mark_stages(all_axes: Sequence[Any], history: Sequence[EpochMetrics]) -> None:
    """Draw a line where the side of the images changes, and write the sides above."""
    starts = [
        index
        for index, record in enumerate(history)
        if index == 0 or record.side != history[index - 1].side
    ]
    if len(starts) < 2:
        return
    for index in starts:
        record = history[index]
        place = record.epoch + 0.5 if index else record.epoch + 1
        if index:
            for axes in all_axes:
                axes.axvline(place, color="#999999", linewidth=0.8, linestyle=":")
        all_axes[0].annotate(
            f" {record.side}x{record.side}",
            (place, 1.0),
            xycoords=("data", "axes fraction"),
            va="bottom",
            color="#666666",
            fontsize=8,
        )
