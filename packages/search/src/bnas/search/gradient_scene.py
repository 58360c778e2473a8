"""`Scene`: the figure of gradients by layer, whose lines are moved from epoch to epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from bnas.search.gradient_history import GradientHistory
from bnas.search.run_curves import COLOURS

#: Title of a panel -> what it shows: a run, or the runs of several seeds.
Panels = Mapping[str, GradientHistory | Sequence[GradientHistory]]

#: Of lines, and of marks of real convolutions.
COLOUR, REAL_COLOUR = COLOURS[:2]
_COLUMNS = 2
#: Decades of the scale, counted from the top, at most: what is less is drawn at its foot.
_MOST_DECADES = 8


def runs_of(panel: GradientHistory | Sequence[GradientHistory]) -> tuple[GradientHistory, ...]:
    """Return the runs of a panel."""
    return (panel,) if isinstance(panel, GradientHistory) else tuple(panel)


def mean_of(runs: Sequence[GradientHistory]) -> GradientHistory:
    """Return the geometric mean of runs of one network, over the epochs that all of them have.

    Args:
        runs: At least one; a sum of 0 in one of them makes the mean 0.

    Raises:
        ValueError: They are of networks with other layers.
    """
    first = runs[0]
    if any((each.layers, each.kinds) != (first.layers, first.kinds) for each in runs):
        raise ValueError("the runs of a panel must be of one network (got others' layers)")
    epochs = [epoch for epoch in first.epochs if all(epoch in each.epochs for each in runs)]
    values = np.array([[each.at(epoch) for epoch in epochs] for each in runs])
    with np.errstate(divide="ignore"):
        means = np.exp(np.log(values).mean(axis=0))
    return GradientHistory(first.layers, first.kinds, epochs, means.reshape(len(epochs), -1))


@frozen(eq=False)
class Scene:
    """A figure whose lines are moved from epoch to epoch.

    Attributes:
        figure: Of matplotlib.
        curves: What is drawn, its line, and its marks of real convolutions, if it has any.
        foot: The least value that is drawn.
        title: Above all panels, and before the epoch.
        last: The last epoch, from 0.
    """

    figure: Any
    curves: list[tuple[GradientHistory, Any, Any | None]]
    foot: float
    title: str
    last: int

    @classmethod
    def lay_out(cls, matplotlib: Any, panels: Panels, epochs: Sequence[int], title: str) -> Scene:
        """Make the panels, empty, with one scale for these epochs."""
        rows = math.ceil(len(panels) / _COLUMNS)
        columns = min(len(panels), _COLUMNS)
        size = (4.8 * columns, 2.7 * rows + 0.8)
        figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        foot, top = _limits(panels, epochs)
        curves: list[tuple[GradientHistory, Any, Any | None]] = []
        for place, axes in enumerate(grid.flat):
            if place >= len(panels):
                axes.set_visible(False)
                continue
            name, panel = list(panels.items())[place]
            curves += _panel(axes, name, runs_of(panel))
            axes.set_yscale("log")
            axes.set_ylim(foot / 1.5, top * 1.5)
        figure.supxlabel("convolution, in the order of the network", fontsize=9)
        figure.supylabel("sum of |gradient|", fontsize=9)
        _legend(figure, grid.flat[0])
        return cls(figure, curves, foot, title, epochs[-1])

    def show(self, epoch: int) -> Scene:
        """Move the lines to an epoch; returns itself."""
        width = len(str(self.last + 1))
        # Spaces as wide as digits: the title does not move.
        number = f"epoch {epoch + 1}".ljust(len("epoch ") + width, "\N{FIGURE SPACE}")
        words = f"{self.title}, {number}" if self.title else number
        self.figure.suptitle(words, fontsize=11)
        for history, line, marks in self.curves:
            values = _drawn(history.at(epoch), self.foot)
            line.set_ydata(values)
            if marks is not None:
                marks.set_ydata(values[_real(history)])
        return self


def _panel(
    axes: Any, name: str, runs: Sequence[GradientHistory]
) -> list[tuple[GradientHistory, Any, Any | None]]:
    """Draw an empty panel; returns its curves: of several runs thin ones, and their mean."""
    mean = mean_of(runs)
    places = np.arange(len(mean.layers))
    nothing = np.full(len(places), np.nan)
    curves: list[tuple[GradientHistory, Any, Any | None]] = []
    for run in runs if len(runs) > 1 else ():
        (line,) = axes.plot(places, nothing, color=COLOUR, linewidth=0.7, alpha=0.45)
        curves.append((run, line, None))
    (line,) = axes.plot(
        places, nothing, "-o", color=COLOUR, linewidth=1.2, markersize=2.5, label="convolutions"
    )
    real = _real(mean)
    style = {"color": REAL_COLOUR, "markersize": 6, "markerfacecolor": "none"}
    (marks,) = axes.plot(places[real], nothing[real], "o", label="with real weights", **style)
    curves.append((mean, line, marks))
    axes.set_title(name, fontsize=10)
    axes.set_xlim(-0.02 * len(places) - 0.5, 1.02 * len(places) - 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.tick_params(labelsize=8, labelleft=True)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return curves


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2, frameon=False, fontsize=8)


def _real(history: GradientHistory) -> NDArray[np.bool_]:
    """Return of each layer whether its weights are real."""
    return np.array([kind == "real" for kind in history.kinds], dtype=bool)


def _drawn(values: NDArray[np.float64], foot: float) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), np.maximum(values, foot), np.nan)


def _limits(panels: Panels, epochs: Sequence[int]) -> tuple[float, float]:
    """Return the least and the largest value that is drawn, for all panels and epochs."""
    rows = [
        history.at(epoch)
        for panel in panels.values()
        for history in runs_of(panel)
        for epoch in epochs
        if epoch in history.epochs
    ]
    values = np.concatenate(rows)
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return 0.1, 1.0
    top = float(values.max())
    return max(float(values.min()), top / 10**_MOST_DECADES), top
