"""Accuracy against FLOPs: every trained network, ours and others', on one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

#: Where an accuracy comes from: a training of this run, weights of the zoo, or a paper.
Origin = Literal["this run", "zoo", "published"]

_COLOURS = {
    "BNAS": "#2f6db3",
    "ablation": "#7fa8d6",
    "ResNet": "#c4841d",
    "BATS": "#23866a",
    "DARTS": "#b93a36",
}
_MARKERS: dict[Origin, str] = {"this run": "o", "zoo": "s", "published": "D"}
_MEANING: dict[Origin, str] = {
    "this run": "trained in this run: mean and range of the seeds",
    "zoo": "the zoo's weights, measured on all test images",
    "published": "published (not measured here)",
}
_FAINT = "#737985"


@frozen(kw_only=True)
class Point:
    """A network's cost and accuracy.

    Attributes:
        label: Its name.
        family: Key of the colours.
        origin: Where the accuracy comes from.
        flops: For one image, by the rule `deployed`.
        top1: Percent of test images of CIFAR-10.
        low: Smallest of several seeds.
        high: Largest of several seeds.
    """

    label: str
    family: str
    origin: Origin
    flops: float
    top1: float
    low: float | None = None
    high: float | None = None


def draw_frontier(points: Sequence[Point], path: Path) -> None:
    """Draw accuracy against FLOPs; the same bytes for the same points.

    Args:
        points: At least one.
        path: A PNG file; written whole or not at all.

    Raises:
        OSError: The picture cannot be written.
    """
    from bnas.cells.atomic_file import draft_of
    from bnas.search.curves import render

    content = render(lambda matplotlib: _figure(matplotlib, points), "png")
    with draft_of(path) as file:
        file.write(content)


def _figure(matplotlib: Any, points: Sequence[Point]) -> Any:
    figure = matplotlib.figure.Figure(figsize=(8.2, 5.6), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    for point in points:
        _plot(axes, point)
    axes.margins(x=0.18, y=0.08)
    axes.set_xlabel("FLOPs of an image, rule `deployed` (real MACs + binary MACs / 64)")
    axes.set_ylabel("top-1 on test images of CIFAR-10, %")
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    _label(axes, points)
    _legend(axes, points)
    return figure


def _plot(axes: Any, point: Point) -> None:
    colour = _COLOURS[point.family]
    is_hollow = point.origin == "published"
    if point.low is not None and point.high is not None:
        axes.plot([point.flops] * 2, [point.low, point.high], color=colour, linewidth=1.2)
    axes.plot(
        [point.flops],
        [point.top1],
        marker=_MARKERS[point.origin],
        markersize=7,
        linestyle="none",
        markeredgecolor=colour,
        markerfacecolor="white" if is_hollow else colour,
    )


def _label(axes: Any, points: Sequence[Point]) -> None:
    """Write names beside the points, apart from each other where points are near."""
    taken: list[tuple[float, float]] = []
    figure = axes.figure
    figure.canvas.draw()
    for point in sorted(points, key=lambda each: each.top1):
        x, y = axes.transData.transform((point.flops, point.top1))
        place = y
        while any(
            abs(place - other) < _LINE and abs(x - beside) < _REACH for beside, other in taken
        ):
            place += _STEP
        taken.append((x, place))
        offset = (place - y) * 72 / figure.dpi
        axes.annotate(
            point.label,
            (point.flops, point.top1),
            xytext=(7, offset),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=_FAINT if point.origin == "published" else "#2b2f36",
        )


#: Pixels: height of a line of names, how wide a name reaches, how far it is moved at a time.
_LINE, _REACH, _STEP = 13.0, 150.0, 2.0


def _legend(axes: Any, points: Sequence[Point]) -> None:
    for origin in dict.fromkeys(point.origin for point in points):
        axes.plot(
            [],
            [],
            marker=_MARKERS[origin],
            linestyle="none",
            markeredgecolor=_FAINT,
            markerfacecolor="white" if origin == "published" else _FAINT,
            label=_MEANING[origin],
        )
    for family in dict.fromkeys(point.family for point in points):
        axes.plot([], [], marker="o", linestyle="none", color=_COLOURS[family], label=family)
    axes.legend(loc="upper left", fontsize=7.5, framealpha=0.9, edgecolor="none", ncols=2)
