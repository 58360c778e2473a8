"""The pictures of a search: the cells found, and how the search came to them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnas.cells.atomic_file import draft_of
from bnas.cells.draw import draw_cell
from bnas.search.architecture.derive import GAMMAS, softmax
from bnas.search.architecture.history import SearchEpoch
from bnas.search.curves import render
from bnas.search.errors import CheckpointError, reason_of

if TYPE_CHECKING:
    from bnas.search.architecture.results import Results

#: Primitive -> its colour in every picture; told apart by those who see no red or green too.
COLOURS = {
    "none": "#b8b8b8",
    "max_pool_3x3": "#e69f00",
    "avg_pool_3x3": "#c7b42c",
    "bin_dil_conv_3x3": "#7cc4ea",
    "bin_dil_conv_5x5": "#0072b2",
    "bin_conv_3x3": "#33b08d",
    "bin_conv_5x5": "#00654c",
}
_INK, _LIGHT, _RED = "#333333", "#888888", "#c0392b"


def draw_all(results: Results, history: Sequence[SearchEpoch]) -> dict[str, Path]:
    """Draw every picture as SVG, each file whole or not at all.

    Args:
        results: Names the directory and the template.
        history: At least one record.

    Returns:
        Name -> file: ``normal-gamma1`` and the like, ``learning``, ``entropy``, ``shares``,
        ``probabilities``, ``paths``.

    Raises:
        CheckpointError: A file cannot be written.
    """
    files = {}
    for gamma in GAMMAS:
        network = results.network(history[-1].genotype(gamma), results.sizes[0])
        for kind in ("normal", "reduction"):
            name = f"{kind}-gamma{gamma}"
            files[name] = results.directory / f"{name}.svg"
            title = f"{kind.capitalize()} cell, zeroise_gamma {gamma}"
            draw_cell(network, files[name], reduction=kind == "reduction", title=title)
    for name, figure in _FIGURES.items():
        files[name] = results.directory / f"{name}.svg"
        content = render(functools.partial(figure, history=history), "svg")
        try:
            with draft_of(files[name]) as file:
                file.write(content)
        except OSError as error:
            raise CheckpointError(
                f"{files[name]} cannot be written ({reason_of(error)})", files[name]
            ) from error
    return files


def _learning(matplotlib: Any, history: Sequence[SearchEpoch]) -> Any:
    figure = matplotlib.figure.Figure(figsize=(6.0, 5.2), layout="constrained")
    top, loss = figure.subplots(2, 1, sharex=True)
    for axes, own, other in ((top, "top1", "arch_top1"), (loss, "loss", "arch_loss")):
        _line(axes, history, own, "#0072b2", "weights' half")
        _line(axes, history, other, "#d55e00", "architecture's half")
    top.set_ylabel("top-1, %")
    top.legend(loc="lower right", frameon=False)
    loss.set_ylabel("cross entropy, nats")
    _finish(loss, (top, loss), history)
    return figure


def _entropy(matplotlib: Any, history: Sequence[SearchEpoch]) -> Any:
    figure = matplotlib.figure.Figure(figsize=(6.0, 5.2), layout="constrained")
    entropy, weight = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    largest = history[-1].largest_entropy
    entropy.axhline(largest, color=_LIGHT, linewidth=0.8, linestyle="--")
    note = "largest possible: nothing chosen"
    place = (0.01, largest)
    frame = ("axes fraction", "data")
    entropy.annotate(note, place, xycoords=frame, va="bottom", color=_LIGHT, fontsize=8)
    _line(entropy, history, "entropy", _INK)
    lowest = min(record.entropy for record in history)
    spread = max(largest - lowest, 0.02 * largest)
    entropy.set_ylim(max(lowest - 0.15 * spread, 0), largest + 0.2 * spread)
    entropy.set_ylabel("entropy, nats")
    _line(weight, history, "entropy_coefficient", "#c0392b")
    weight.set_ylabel("weight of the\nregulariser")
    weight.set_ylim(bottom=0)
    _finish(weight, (entropy, weight), history)
    return figure


def _shares(matplotlib: Any, history: Sequence[SearchEpoch]) -> Any:
    figure = matplotlib.figure.Figure(figsize=(6.0, 5.8), layout="constrained")
    strongest, means = figure.subplots(2, 1, sharex=True)
    for axes, field in ((strongest, "strongest"), (means, "mean_probability")):
        bottom = [0.0] * len(history)
        for name in history[-1].strongest:
            heights = [100 * getattr(record, field)[name] for record in history]
            places = [record.epoch + 1 for record in history]
            colour = COLOURS[name]
            axes.bar(places, heights, 1.0, bottom, color=colour, label=name, linewidth=0)
            bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
        axes.set_ylim(0, 100)
    strongest.set_ylabel("strongest on, % of edges")
    means.set_ylabel("mean probability, %")
    _finish(means, (strongest, means), history)
    _legend(figure, strongest)
    return figure


def _probabilities(matplotlib: Any, history: Sequence[SearchEpoch]) -> Any:
    figure = matplotlib.figure.Figure(figsize=(6.0, 5.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = list(history[-1].strongest)
    both = [[softmax(row) for row in logits] for logits in _cells(history[-1])]
    largest = max(max(map(max, rows)) for rows in both)
    least = min(min(map(min, rows)) for rows in both)
    for axes, rows, title in zip(panels, both, ("Normal cell", "Reduction cell"), strict=True):
        image = axes.imshow(rows, cmap="Blues", vmin=least, vmax=largest, aspect="auto")
        for edge, row in enumerate(rows):
            axes.plot(row.index(max(row)), edge, "o", color="white", markersize=4)
            axes.plot(row.index(max(row)), edge, "o", color=_RED, markersize=2.5)
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
        axes.set_yticks(range(len(rows)), edge_names(len(rows)), fontsize=8)
        axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=list(panels), shrink=0.6)
    bar.set_label("probability", fontsize=8)
    bar.outline.set_visible(False)
    return figure


def _paths(matplotlib: Any, history: Sequence[SearchEpoch]) -> Any:
    """Draw the probabilities on every edge, epoch by epoch; the cells one below the other."""
    edges = len(history[-1].normal)
    columns = 7
    rows = math.ceil(edges / columns)
    figure = matplotlib.figure.Figure(figsize=(9.6, 2.6 * rows + 0.8), layout="constrained")
    panels = figure.subplots(2 * rows, columns, sharex=True, sharey=True, squeeze=False)
    names = list(history[-1].strongest)
    labels = edge_names(edges)
    for cell, kind in enumerate(("normal", "reduction")):
        for place in range(rows * columns):
            axes = panels[cell * rows + place // columns][place % columns]
            if place >= edges:
                axes.set_visible(False)
                continue
            logits = [_cells(record)[cell][place] for record in history]
            probabilities = [softmax(row) for row in logits]
            for column, name in enumerate(names):
                axes.plot(
                    [record.epoch + 1 for record in history],
                    [row[column] for row in probabilities],
                    color=COLOURS[name],
                    linewidth=1.3,
                    marker="o" if len(history) == 1 else None,
                    markersize=3,
                    label=name,
                )
            axes.set_title(f"{kind} {labels[place]}", fontsize=7, pad=3)
            axes.tick_params(labelsize=7)
            axes.spines[["top", "right"]].set_visible(False)
            axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("probability", fontsize=9)
    _legend(figure, panels[0][0])
    return figure


def edge_names(count: int) -> list[str]:
    """Return names of the edges of a cell, row by row, such as ``c(k-2) → 0`` and ``0 → 1``."""
    names: list[str] = []
    node = 0
    while len(names) < count:
        states = ["c(k−2)", "c(k−1)", *map(str, range(node))]
        names += [f"{state} → {node}" for state in states]
        node += 1
    return names[:count]


def _cells(record: SearchEpoch) -> tuple[list[list[float]], list[list[float]]]:
    return record.normal, record.reduce


def _line(
    axes: Any, history: Sequence[SearchEpoch], field: str, colour: str, label: str | None = None
) -> None:
    axes.plot(
        [record.epoch + 1 for record in history],
        [getattr(record, field) for record in history],
        color=colour,
        marker="o" if len(history) == 1 else None,
        label=label,
    )


def _finish(lowest: Any, all_axes: Sequence[Any], history: Sequence[SearchEpoch]) -> None:
    lowest.set_xlabel("epoch")
    lowest.set_xlim(history[0].epoch + 0.5, history[-1].epoch + 1.5)
    lowest.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    for axes in all_axes:
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    lowest.figure.align_ylabels(list(all_axes))


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=8)


#: Pictures of the progress: name -> function of matplotlib and the history.
_FIGURES: dict[str, Callable[..., Any]] = {
    "learning": _learning,
    "entropy": _entropy,
    "shares": _shares,
    "probabilities": _probabilities,
    "paths": _paths,
}
