"""`draw_runs`: accuracy by epoch of several networks, each trained with several seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnas.cells.atomic_file import draft_of
from bnas.search.curves import picture_kind, render
from bnas.search.history import EpochMetrics

#: Histories of one network, one a seed.
Seeds = Sequence[Sequence[EpochMetrics]]

#: Okabe and Ito's colours, which those who see no red or green tell apart too, dark ones first.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
#: Runs beyond the colours are told apart by these.
_DASHES = ("-", "--", ":", "-.")
#: About as many fit beside each other below the panels.
_LEGEND_LETTERS = 130
#: Beyond so many epochs a line is dense enough without a mark a point.
_MARKED_EPOCHS = 3


def draw_runs(
    runs: Mapping[str, Seeds],
    path: Path,
    *,
    title: str = "",
    test_label: str = "held-out images",
    chance: float | None = None,
) -> None:
    """Draw train (a) and test (b) accuracy by epoch, as Figure 4 of the supplement does.

    The curve of every seed is drawn thin, their mean bold in the same colour. The mean ends with
    the shortest of them. Both panels have the same scale. The same bytes for the same histories.

    Args:
        runs: Name of a network -> its histories, one a seed, each of at least one record.
        path: PNG, SVG or PDF by its suffix; written whole or not at all.
        title: Above both panels.
        test_label: What `EpochMetrics.holdout_top1` was measured on.
        chance: Percent that guessing gets right, drawn as a line; None for no line.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: The picture cannot be written.
        ValueError: There is no run, one without a record, or the suffix is another one.

    References:
        ECCV 2020 BNAS, supplement, Figure 4.
    """
    kind = picture_kind(path)
    empty = [name for name, seeds in runs.items() if not seeds or not all(seeds)]
    if not runs or empty:
        raise ValueError(
            f"`runs` must have records of every run and seed (got none of {empty or 'any'})"
        )
    content = render(lambda matplotlib: _figure(matplotlib, runs, title, test_label, chance), kind)
    with draft_of(path) as file:
        file.write(content)


def mean_by_epoch(seeds: Seeds, name: str) -> list[float]:
    """Return the mean of a field of the records over the seeds, epoch by epoch.

    Args:
        seeds: Histories from the same first epoch on.
        name: A field of `EpochMetrics`.

    Returns:
        One value for each epoch that all of them have.
    """
    return [
        math.fsum(getattr(record, name) for record in records) / len(records)
        for records in zip(*seeds, strict=False)
    ]


def _figure(
    matplotlib: Any, runs: Mapping[str, Seeds], title: str, test_label: str, chance: float | None
) -> Any:
    figure = matplotlib.figure.Figure(figsize=(9.6, 4.6), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    words = {"train_top1": "(a) training batches", "holdout_top1": f"(b) {test_label}"}
    for axes, (field, label) in zip(panels, words.items(), strict=True):
        for place, (name, seeds) in enumerate(runs.items()):
            _draw(axes, name, seeds, field, place)
        if chance is not None:
            axes.axhline(chance, color="#777777", linewidth=1.0, linestyle=":", label="guessing")
        axes.set_title(label, fontsize=10)
        axes.set_xlabel("epoch")
        axes.tick_params(labelleft=True)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    # Once all is drawn: a limit that is set is not fitted any more.
    last = max(history[-1].epoch for seeds in runs.values() for history in seeds)
    panels[0].set_xlim(0.5, last + 1.5)
    panels[0].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("top-1, %")
    _legend(figure, panels[0], several=any(len(seeds) > 1 for seeds in runs.values()))
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def _legend(figure: Any, axes: Any, *, several: bool) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, min(len(labels), _LEGEND_LETTERS // (max(map(len, labels)) + 8)))
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=9,
        title="thin: single runs; bold: their mean" if several else None,
        title_fontsize=9,
    )


def _draw(axes: Any, name: str, seeds: Seeds, field: str, place: int) -> None:
    """Draw the curve of every seed thin, and their mean bold."""
    colour = COLOURS[place % len(COLOURS)]
    dashes = _DASHES[place // len(COLOURS) % len(_DASHES)]
    marker = "o" if max(map(len, seeds)) <= _MARKED_EPOCHS else None
    for history in seeds if len(seeds) > 1 else ():
        epochs = [record.epoch + 1 for record in history]
        values = [getattr(record, field) for record in history]
        axes.plot(epochs, values, dashes, color=colour, linewidth=0.8, alpha=0.55, marker=marker)
    mean = mean_by_epoch(seeds, field)
    epochs = [record.epoch + 1 for record in seeds[0][: len(mean)]]
    label = f"{name} ({len(seeds)} seeds)" if len(seeds) > 1 else name
    axes.plot(epochs, mean, dashes, color=colour, linewidth=2.2, marker=marker, label=label)
