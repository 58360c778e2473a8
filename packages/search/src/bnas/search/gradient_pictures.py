"""`draw_gradients`, `animate_gradients`: sum of |gradient| by layer, of several runs."""

from __future__ import annotations

import importlib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image, ImageColor

from bnas.cells.atomic_file import draft_of
from bnas.search.curves import picture_kind, render, require_matplotlib
from bnas.search.gradient_history import GradientHistory
from bnas.search.run_curves import COLOURS

#: Title of a panel -> what it shows.
Panels = Mapping[str, GradientHistory]

_COLUMNS = 2
_COLOUR, _REAL_COLOUR = COLOURS[:2]
#: Of each colour in a frame, whose lines are smoothed at their edges.
_SHADES = 24
#: Decades of the scale, counted from the top, at most: what is less is drawn at its foot.
_MOST_DECADES = 8


def draw_gradients(panels: Panels, path: Path, *, epoch: int, title: str = "") -> None:
    """Draw sum |gradient| over the index of the convolution at one epoch, a panel for each run.

    All panels have one logarithmic scale, which is the same for every epoch; what is 0 is drawn at
    its foot. The same bytes for the same histories.

    Args:
        panels: Title of a panel -> its run; two panels a row.
        path: PNG, SVG or PDF by its suffix; written whole or not at all.
        epoch: From 0; it is written from 1 on, as in every picture.
        title: Above all panels; the epoch follows it.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: The picture cannot be written.
        ValueError: There is no panel, one of them lacks the epoch, or the suffix is another one.

    References:
        ECCV 2020 BNAS, Figure 4; supplement, Figure 5.
    """
    kind = picture_kind(path)
    _check(panels, [epoch])
    epochs = sorted({each for history in panels.values() for each in history.epochs})

    def draw(matplotlib: Any) -> Any:
        return _Scene.lay_out(matplotlib, panels, epochs, title).show(epoch).figure

    content = render(draw, kind)
    with draft_of(path) as file:
        file.write(content)


def animate_gradients(
    panels: Panels,
    path: Path,
    *,
    epochs: Sequence[int] | None = None,
    frame_ms: int = 200,
    title: str = "",
) -> None:
    """Draw what `draw_gradients` does as an endless GIF, a frame for each epoch.

    Args:
        panels: As of `draw_gradients`; Table 2 of the supplement has four.
        path: A name that ends in .gif; written whole or not at all.
        epochs: From 0; None for all that every panel has.
        frame_ms: How long a frame is shown, a multiple of 10; the last one five times as long.
        title: Above all panels; the epoch follows it.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: The file cannot be written.
        ValueError: There is no panel, one of them lacks an epoch, or no epoch is left; `path` ends
            otherwise, or `frame_ms` is outside its range.

    References:
        ECCV 2020 BNAS, supplement, Section 3.1 and Table 2.
    """
    if path.suffix.lower() != ".gif":
        raise ValueError(f"`path` must end in .gif (got {path})")
    if frame_ms < 10 or frame_ms % 10:
        raise ValueError(f"`frame_ms` must be a multiple of 10 (got {frame_ms})")
    if epochs is None:
        recorded = [set(history.epochs) for history in panels.values()]
        epochs = sorted(set.intersection(*recorded)) if recorded else []
    _check(panels, epochs)
    frames = _frames(lambda library: _Scene.lay_out(library, panels, epochs, title), epochs)
    content = io.BytesIO()
    durations = [frame_ms] * (len(frames) - 1) + [5 * frame_ms]
    first, *others = frames
    # Loop 0 is without an end. Pillow leaves out what two frames have in common.
    first.save(
        content, "GIF", save_all=True, append_images=others, duration=durations, loop=0, disposal=1
    )
    with draft_of(path) as file:
        file.write(content.getvalue())


def _check(panels: Panels, epochs: Sequence[int]) -> None:
    if not panels:
        raise ValueError("`panels` must have at least one run (got none)")
    if not epochs:
        raise ValueError("`panels` must have an epoch in common (got none)")
    for history in panels.values():
        for epoch in epochs:
            history.at(epoch)  # Which names an epoch that is not there.


def _frames(lay_out: Callable[[Any], _Scene], epochs: Sequence[int]) -> list[Image.Image]:
    """Return one picture an epoch, all of them in the colours of the first."""
    matplotlib = require_matplotlib("Animations")
    canvas_of = importlib.import_module("matplotlib.backends.backend_agg").FigureCanvasAgg
    palette = _palette()
    frames: list[Image.Image] = []
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # Not the reader's own settings.
        scene = lay_out(matplotlib)
        canvas = canvas_of(scene.figure)
        for epoch in epochs:
            scene.show(epoch)
            canvas.draw()
            image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
            frames.append(image.quantize(palette=palette, dither=Image.Dither.NONE))
            # Places once found are kept: frames then differ in what they show alone.
            scene.figure.set_layout_engine("none")
    return frames


def _palette() -> Image.Image:
    """Return an image whose palette leads from white to each colour that is drawn.

    Chosen by Pillow from a frame, white would be none and the few orange pixels brown.
    """
    shares = np.linspace(0, 1, _SHADES)[:, None]
    inks = [np.array(ImageColor.getrgb(each)) for each in ("#000000", _COLOUR, _REAL_COLOUR)]
    shades = np.concatenate([255 + shares * (ink - 255) for ink in inks])
    image = Image.new("P", (1, 1))
    image.putpalette(shades.round().astype(np.uint8).tobytes())
    return image


@frozen(eq=False)
class _Scene:
    """A figure whose lines are moved from epoch to epoch.

    Attributes:
        figure: Of matplotlib.
        curves: A run, its line, and its marks of real convolutions.
        foot: The least value that is drawn.
        title: Above all panels, and before the epoch.
        last: The last epoch, from 0.
    """

    figure: Any
    curves: list[tuple[GradientHistory, Any, Any]]
    foot: float
    title: str
    last: int

    @classmethod
    def lay_out(cls, matplotlib: Any, panels: Panels, epochs: Sequence[int], title: str) -> _Scene:
        """Make the panels, empty, with one scale for these epochs."""
        rows = math.ceil(len(panels) / _COLUMNS)
        columns = min(len(panels), _COLUMNS)
        size = (4.8 * columns, 2.7 * rows + 0.8)
        figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        foot, top = _limits(panels, epochs)
        curves = []
        for place, axes in enumerate(grid.flat):
            if place >= len(panels):
                axes.set_visible(False)
                continue
            name, history = list(panels.items())[place]
            curves.append((history, *_panel(axes, name, history)))
            axes.set_yscale("log")
            axes.set_ylim(foot / 1.5, top * 1.5)
        figure.supxlabel("convolution, in the order of the network", fontsize=9)
        figure.supylabel("sum of |gradient|", fontsize=9)
        _legend(figure, grid.flat[0])
        return cls(figure, curves, foot, title, epochs[-1])

    def show(self, epoch: int) -> _Scene:
        """Move the lines to an epoch; returns itself."""
        width = len(str(self.last + 1))
        # Spaces as wide as digits: the title does not move.
        number = f"epoch {epoch + 1}".ljust(len("epoch ") + width, "\N{FIGURE SPACE}")
        words = f"{self.title}, {number}" if self.title else number
        self.figure.suptitle(words, fontsize=11)
        for history, line, marks in self.curves:
            values = _drawn(history.at(epoch), self.foot)
            line.set_ydata(values)
            marks.set_ydata(values[_real(history)])
        return self


def _panel(axes: Any, name: str, history: GradientHistory) -> tuple[Any, Any]:
    """Draw an empty panel; returns its line, and its marks of real convolutions."""
    places = np.arange(len(history.layers))
    nothing = np.full(len(places), np.nan)
    (line,) = axes.plot(
        places, nothing, "-o", color=_COLOUR, linewidth=1.2, markersize=2.5, label="convolutions"
    )
    real = _real(history)
    style = {"color": _REAL_COLOUR, "markersize": 6, "markerfacecolor": "none"}
    (marks,) = axes.plot(places[real], nothing[real], "o", label="with real weights", **style)
    axes.set_title(name, fontsize=10)
    axes.set_xlim(-0.02 * len(places) - 0.5, 1.02 * len(places) - 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.tick_params(labelsize=8, labelleft=True)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return line, marks


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
        for history in panels.values()
        for epoch in epochs
        if epoch in history.epochs
    ]
    values = np.concatenate(rows)
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return 0.1, 1.0
    top = float(values.max())
    return max(float(values.min()), top / 10**_MOST_DECADES), top
