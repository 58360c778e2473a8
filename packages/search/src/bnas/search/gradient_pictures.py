"""`draw_gradients`, `animate_gradients`: sum of |gradient| by layer, of several runs."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from bnas.cells.atomic_file import draft_of
from bnas.search.curves import picture_kind, render, require_matplotlib
from bnas.search.gradient_scene import COLOUR, REAL_COLOUR, Panels, Scene, runs_of

#: Of each colour in a frame, whose lines are smoothed at their edges.
_SHADES = 24


def draw_gradients(panels: Panels, path: Path, *, epoch: int, title: str = "") -> None:
    """Draw sum |gradient| over the index of the convolution at one epoch, a panel for each run.

    All panels have one logarithmic scale, which is the same for every epoch; what is 0 is drawn at
    its foot. The same bytes for the same histories.

    Args:
        panels: Title of a panel -> its run, or its runs, of which every one is drawn thin and the
            geometric mean bold; two panels a row.
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
    every = [run for panel in panels.values() for run in runs_of(panel)]
    epochs = sorted({each for run in every for each in run.epochs})

    def draw(matplotlib: Any) -> Any:
        return Scene.lay_out(matplotlib, panels, epochs, title).show(epoch).figure

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
        recorded = [set(run.epochs) for panel in panels.values() for run in runs_of(panel)]
        epochs = sorted(set.intersection(*recorded)) if recorded else []
    _check(panels, epochs)
    frames = _frames(lambda library: Scene.lay_out(library, panels, epochs, title), epochs)
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
    for panel in panels.values():
        runs = runs_of(panel)
        if not runs:
            raise ValueError("a panel must have at least one run (got none)")
        for epoch in epochs:
            for run in runs:
                run.at(epoch)  # Which names an epoch that is not there.


def _frames(lay_out: Callable[[Any], Scene], epochs: Sequence[int]) -> list[Image.Image]:
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
    inks = [np.array(ImageColor.getrgb(each)) for each in ("#000000", COLOUR, REAL_COLOUR)]
    shades = np.concatenate([255 + shares * (ink - 255) for ink in inks])
    image = Image.new("P", (1, 1))
    image.putpalette(shades.round().astype(np.uint8).tobytes())
    return image
