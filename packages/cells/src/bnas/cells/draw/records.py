"""`Drawing`: positioned boxes, lines and labels, in points (1/72 inch), y upwards."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs import frozen

from bnas.cells.draw.structure import Slot
from bnas.cells.draw.text import text_width

Point = tuple[float, float]
#: A cubic Bezier curve: start, two control points, end.
Curve = tuple[Point, Point, Point, Point]
Shape = Literal["box", "pill", "sum", "concat", "swatch"]


@frozen
class Box:
    """A shape with a label.

    Attributes:
        name: What it stands for, such as ``ops.3``, with ``normal`` or ``reduction`` before it
            where both cells are drawn, with ``a``, ``b`` and so on where several are; ``legend``
            for a sample.
        shape: Its outline.
        tone: Key of `style.TONES`.
        label: The whole label.
        lines: The label as it is broken into lines.
        x: Centre.
        y: Centre.
        width: Outer width.
        height: Outer height.
        slots: Places of a concatenation, from left to right.
    """

    name: str
    shape: Shape
    tone: str
    label: str
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    slots: tuple[Slot, ...] = ()

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top."""
        half_width, half_height = self.width / 2, self.height / 2
        left, bottom = self.x - half_width, self.y - half_height
        return left, bottom, self.x + half_width, self.y + half_height


@frozen
class Line:
    """A connection.

    Attributes:
        source: Name of the box it leaves.
        target: Name of the box it enters.
        path: Curves, each starting where the one before ends; an arrowhead is at the end. Lines of
            one source begin with the same curves as far as they run together.
        slot: The place of the concatenation it fills.
        dotted: Whether it carries c(k-2).
        skip: Whether it is part of a skip connection around layers of the cell (red).
    """

    source: str
    target: str
    path: tuple[Curve, ...]
    slot: int | None = None
    dotted: bool = False
    skip: bool = False


@frozen
class Label:
    """A line of text.

    Attributes:
        text: The text.
        x: Left end.
        y: Middle of its height.
        size: Type size.
        colour: Colour.
        bold: Whether it is bold.
    """

    text: str
    x: float
    y: float
    size: float
    colour: str
    bold: bool = False

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top, a little more than the text takes."""
        width, half = text_width(self.text, self.size, self.bold), 0.6 * self.size
        return self.x, self.y - half, self.x + width, self.y + half


@frozen
class Drawing:
    """Everything that is painted.

    Attributes:
        width: Of the page.
        height: Of the page.
        boxes: Shapes, legend included.
        lines: Connections, samples of the legend included.
        labels: Text outside of the boxes.
        title: Title of the file.
        description: What the drawing shows, in words.
    """

    width: float
    height: float
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    labels: tuple[Label, ...] = ()
    title: str = ""
    description: str = ""

    def box(self, name: str) -> Box:
        """Return the first box called `name`."""
        return next(box for box in self.boxes if box.name == name)

    def joined(self, other: Drawing) -> Drawing:
        """Return the drawing with everything of another one on it; the page stays as it is."""
        return attrs.evolve(
            self,
            boxes=self.boxes + other.boxes,
            lines=self.lines + other.lines,
            labels=self.labels + other.labels,
        )

    def named(self, prefix: str) -> Drawing:
        """Return the drawing with `prefix` and a blank before every name on it."""

        def name(line: Line) -> Line:
            source, target = f"{prefix} {line.source}", f"{prefix} {line.target}"
            return attrs.evolve(line, source=source, target=target)

        boxes = tuple(attrs.evolve(box, name=f"{prefix} {box.name}") for box in self.boxes)
        return attrs.evolve(self, boxes=boxes, lines=tuple(map(name, self.lines)))

    def cropped(self) -> Drawing:
        """Return the drawing moved to (0, 0), its width and height those of what is on it."""
        bounds = [box.bounds for box in self.boxes] + [text.bounds for text in self.labels]
        points = [point for line in self.lines for curve in line.path for point in curve]
        left = min([left for left, _, _, _ in bounds] + [x for x, _ in points])
        bottom = min([bottom for _, bottom, _, _ in bounds] + [y for _, y in points])
        right = max([right for _, _, right, _ in bounds] + [x for x, _ in points])
        top = max([top for _, _, _, top in bounds] + [y for _, y in points])
        moved = self.moved(-left, -bottom)
        return attrs.evolve(moved, width=right - left, height=top - bottom)

    def moved(self, dx: float, dy: float) -> Drawing:
        """Return the drawing with everything on it moved."""

        def move(curve: Curve) -> Curve:
            a, b, c, d = ((x + dx, y + dy) for x, y in curve)
            return a, b, c, d

        return attrs.evolve(
            self,
            boxes=tuple(attrs.evolve(box, x=box.x + dx, y=box.y + dy) for box in self.boxes),
            lines=tuple(
                attrs.evolve(line, path=tuple(map(move, line.path))) for line in self.lines
            ),
            labels=tuple(attrs.evolve(text, x=text.x + dx, y=text.y + dy) for text in self.labels),
        )
