"""Accuracy against FLOPs: names stand beside their points, whatever else is near."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.figure
import pytest
from PIL import Image

from bnas import cells
from bnas.tools.reproduce.baselines import points_of
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.frontier import Point, _figure, _overlap, draw_frontier
from bnas.tools.reproduce.scale import load_scale


def crowd(count: int) -> list[Point]:
    return [
        Point(
            label=f"network {place}",
            family="BNAS",
            origin="this run",
            flops=1e6 * (1 + 0.02 * place),
            top1=50 + 0.1 * place,
            low=48.0,
            high=52.0 + place,
        )
        for place in range(count)
    ]


def boxes(figure: matplotlib.figure.Figure) -> list[tuple[float, float, float, float]]:
    figure.draw_without_rendering()
    (axes,) = figure.axes
    return [tuple(text.get_window_extent().extents) for text in axes.texts]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_names_of_near_points_do_not_lie_on_each_other(count: int) -> None:
    found = boxes(_figure(matplotlib, crowd(count)))
    assert len(found) == count
    for place, one in enumerate(found):
        assert all(_overlap(one, other) < 1 for other in found[:place])


def test_overlaps_are_areas() -> None:
    assert _overlap((0, 0, 4, 2), (3, 1, 5, 5)) == 1
    assert _overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0


def test_the_picture_is_the_same_for_the_same_points(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.png", "b.png")]
    for path in paths:
        draw_frontier(crowd(3), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as image:
        assert image.width > image.height > 500


def test_the_zoos_weights_and_published_figures_are_points_too(tmp_path: Path) -> None:
    points = points_of(Context(scale=load_scale("quick"), out_dir=tmp_path), [])
    origins = {(point.label, point.origin) for point in points}
    assert {("BNAS-A", "published"), ("BNAS-C", "published")} <= origins
    # That of the published network: weights of one name may be of a variant, such as `lean`.
    published = {point.label: point.flops for point in points if point.origin == "published"}
    assert published["BNAS-A"] == cells.cost(cells.spec("BNAS-A"), rule="deployed").flops
    assert any(point.label.startswith("BNAS-Mini.") and point.origin == "zoo" for point in points)
    assert all(0 < point.top1 <= 100 and point.flops > 0 for point in points)
