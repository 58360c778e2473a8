"""Paths of the lines: up through the rows, and around the cell for the skip connections."""

from __future__ import annotations

import math

from bnas.cells.draw.records import Curve, Point
from bnas.cells.draw.style import ARROW

_CORNER = 9.0
# Of a quarter circle drawn as a cubic curve.
_ROUND = 0.5523


def straight(start: Point, end: Point) -> Curve:
    """Return the straight curve between two points."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = (x1 - x0) / 3, (y1 - y0) / 3
    return start, (x0 + dx, y0 + dy), (x1 - dx, y1 - dy), end


def climb(stations: list[tuple[float, float, float]]) -> tuple[Curve, ...]:
    """Return the path of a line that goes up: vertical inside rows, bent only between them.

    Args:
        stations: For every row it meets the position x, and the heights at which it comes in and
            goes out. It starts where it goes out of the first and ends where it comes in to the
            last.
    """
    path = []
    for (x0, _, start), (x1, end, out) in zip(stations, stations[1:], strict=False):
        last = (x1, end, out) == stations[-1]
        bent_until = end - ARROW if last else end
        if abs(x1 - x0) < 1e-6:
            path.append(straight((x0, start), (x1, bent_until)))
        else:
            middle = (start + bent_until) / 2
            path.append(((x0, start), (x0, middle), (x1, middle), (x1, bent_until)))
        path.append(straight((x1, bent_until), (x1, end if last else out)))
    return tuple(curve for curve in path if curve[0] != curve[3])


def around(points: list[Point], corner_radius: float = _CORNER) -> tuple[Curve, ...]:
    """Return a path of horizontal and vertical lines with rounded corners.

    Args:
        points: Start, corners, end.
        corner_radius: Largest radius of a corner.
    """
    path, here = [], points[0]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        room = min(
            math.dist(here, corner),
            math.dist(corner, after) / (1 if after == points[-1] else 2),
        )
        radius = min(corner_radius, room)
        enter, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        path.append(straight(here, enter))
        bend = radius * (1 - _ROUND)
        path.append((enter, _towards(corner, before, bend), _towards(corner, after, bend), leave))
        here = leave
    return (*path, straight(here, points[-1]))


def rectangle(
    left: float, bottom: float, width: float, height: float, radius: float
) -> tuple[Curve, ...]:
    """Return the closed outline of a rectangle with rounded corners.

    Args:
        left: Left side.
        bottom: Lower side.
        width: Width.
        height: Height.
        radius: Radius of the corners.
    """
    right, top, start = left + width, bottom + height, (left + width / 2, bottom)
    corners = [(right, bottom), (right, top), (left, top), (left, bottom)]
    return around([start, *corners, start], radius)


def _towards(start: Point, end: Point, distance: float) -> Point:
    share = distance / (math.dist(start, end) or 1.0)
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def points_of(path: tuple[Curve, ...], per_curve: int = 16) -> list[Point]:
    """Return points along a path.

    Args:
        path: Curves.
        per_curve: Number of points on each.
    """
    found = []
    for (x0, y0), (x1, y1), (x2, y2), (x3, y3) in path:
        for step in range(per_curve + 1):
            t = step / per_curve
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            found.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
    return found
