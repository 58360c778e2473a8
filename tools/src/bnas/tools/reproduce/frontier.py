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
#: Half of the side of the box that a marker takes, pixels.
_MARKER = 7.0
_POINTS_PER_INCH = 72

#: Left, bottom, right, top, in pixels.
Box = tuple[float, float, float, float]


@frozen(kw_only=True)
class Point:
    """A network's cost and accuracy.

    Attributes:
        label: Its name.
        family: Key of the colours.
        origin: Where the accuracy comes from.
        flops: For one image of the size that it was measured on, by the rule `deployed`.
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
    _legend(axes, points)
    _label(axes, points)
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
    """Write names beside the points, where neither a point nor another name is."""
    figure = axes.figure
    figure.draw_without_rendering()  # Before it, nobody knows where points come to lie.
    places = [axes.transData.transform((point.flops, point.top1)) for point in points]
    taken = [(x - _MARKER, y - _MARKER, x + _MARKER, y + _MARKER) for x, y in places]
    for point, (x, y) in zip(points, places, strict=True):
        label = axes.annotate(
            point.label,
            (point.flops, point.top1),
            xytext=(0, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=_FAINT if point.origin == "published" else "#2b2f36",
        )
        label.set_in_layout(False)
        extent = label.get_window_extent()
        best, box = _place(x, y, extent.width, extent.height, taken)
        is_left = best[0] < 0
        label.set_horizontalalignment("right" if is_left else "left")
        near = (best[0] + extent.width * is_left, best[1])
        label.set_position([pixels * _POINTS_PER_INCH / figure.dpi for pixels in near])
        taken.append(box)


def _place(
    x: float, y: float, width: float, height: float, taken: Sequence[Box]
) -> tuple[tuple[float, float], Box]:
    """Return where a name goes relative to its point, and the box that it takes, in pixels."""
    boxes = {}
    for rise in (0.0, 1.0, -1.0, 1.7, -1.7, 2.5, -2.5):
        for left in (_MARKER + 2, -_MARKER - 2 - width):
            shift = (left, rise * height)
            low = y + shift[1] - height / 2
            boxes[shift] = (x + left, low, x + left + width, low + height)
    best = min(boxes, key=lambda shift: sum(_overlap(boxes[shift], other) for other in taken))
    return best, boxes[best]


def _overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


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
    axes.figure.legend(loc="outside lower center", fontsize=7.5, frameon=False, ncols=3)
