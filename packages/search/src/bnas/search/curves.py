"""`draw_curves`: the learning curve of a run as a picture."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bnas.cells.atomic_file import draft_of
from bnas.search.errors import MissingExtraError
from bnas.search.history import EpochMetrics

_TRAIN, _HOLDOUT, _LOSS, _RATE = "#8da0cb", "#d95f02", "#444444", "#1b9e77"
_DPI = 150
#: Without these, matplotlib writes its version and the time of day.
_METADATA = {
    "png": {"Software": None},
    "svg": {"Creator": "bnas-search", "Date": None},
    "pdf": {"Creator": "bnas-search", "Producer": None, "CreationDate": None},
}


def require_matplotlib(what: str = "Learning curves") -> Any:
    """Return matplotlib.

    Args:
        what: Who needs it, for the message.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib.figure")
        return importlib.import_module("matplotlib")
    except ImportError as error:
        raise MissingExtraError(what, "plot") from error


def draw_curves(history: Sequence[EpochMetrics], path: Path) -> None:
    """Draw accuracy, loss and learning rate by epoch; the same bytes for the same history.

    Args:
        history: At least one record; a change of the images' side is marked.
        path: PNG, SVG or PDF by its suffix; written whole or not at all.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: The picture cannot be written.
        ValueError: There is no record, or the suffix is another one.
    """
    kind = picture_kind(path)
    if not history:
        raise ValueError("`history` must have at least one record (got none)")
    content = render(lambda matplotlib: _figure(matplotlib, history), kind)
    with draft_of(path) as file:
        file.write(content)


def picture_kind(path: Path) -> str:
    """Return ``"png"``, ``"svg"`` or ``"pdf"``, as the suffix of `path` says.

    Raises:
        ValueError: It is another one.
    """
    kind = path.suffix[1:].lower()
    if kind not in _METADATA:
        raise ValueError(f"`path` must end in .png, .svg or .pdf (got {path})")
    return kind


def render(draw: Callable[[Any], Any], kind: str) -> bytes:
    """Return a figure as a file; the same bytes for the same figure.

    Args:
        draw: Takes matplotlib and returns a figure.
        kind: ``"png"``, ``"svg"`` or ``"pdf"``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = require_matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # Not the reader's own settings.
        matplotlib.rc("svg", fonttype="none", hashsalt="bnas-search")
        content = io.BytesIO()
        draw(matplotlib).savefig(content, format=kind, dpi=_DPI, metadata=_METADATA[kind])
    return content.getvalue()


def _figure(matplotlib: Any, history: Sequence[EpochMetrics]) -> Any:
    figure = matplotlib.figure.Figure(figsize=(7.2, 6.4), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 1])
    accuracy, loss, rate = panels
    _plot(accuracy, history, "train_top1", _TRAIN, "training batches")
    _plot(accuracy, history, "holdout_top1", _HOLDOUT, "held-out images")
    accuracy.set_ylabel("top-1, %")
    accuracy.legend(loc="lower right", facecolor="white", edgecolor="none", framealpha=0.9)
    _plot(loss, history, "loss", _LOSS)
    loss.set_ylabel("training loss")
    _plot(rate, history, "learning_rate", _RATE)
    rate.set_ylabel("learning rate")
    rate.set_xlabel("epoch")
    rate.set_xlim(history[0].epoch + 0.5, history[-1].epoch + 1.5)
    rate.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    for axes in panels:
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.align_ylabels(panels)
    _mark_stages(panels, history)
    return figure


def _plot(
    axes: Any, history: Sequence[EpochMetrics], field: str, colour: str, label: str | None = None
) -> None:
    """Draw a field of the records; a label gets the last value."""
    values = [getattr(record, field) for record in history]
    axes.plot(
        [record.epoch + 1 for record in history],
        values,
        color=colour,
        marker="o" if len(history) == 1 else None,
        label=label and f"{label}, last {values[-1]:.1f} %",
    )


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
        place = record.epoch + 0.5
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
