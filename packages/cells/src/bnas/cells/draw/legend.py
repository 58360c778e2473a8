"""The legend: only of what is on the page."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from bnas.cells.draw import style
from bnas.cells.draw.records import Box, Drawing, Label, Line, Point
from bnas.cells.draw.routes import straight
from bnas.cells.draw.structure import OUTPUT
from bnas.cells.draw.text import text_width

#: Name of the boxes and lines that are samples.
LEGEND = "legend"
_SAMPLE_WIDTH = 22.0
_SAMPLE_HEIGHT = 10.0
_SUM_WIDTH = 11.0
_TEXT_GAP = 5.0
_ENTRY_GAP = 16.0
_ROW_HEIGHT = 16.0


@frozen
class _Entry:
    text: str
    sample: Callable[[Point], Box | Line] | None = None
    sample_width: float = _SAMPLE_WIDTH

    @property
    def text_offset(self) -> float:
        return self.sample_width + _TEXT_GAP if self.sample else 0.0

    @property
    def width(self) -> float:
        return self.text_offset + text_width(self.text, style.SMALL_SIZE)


def legend(content: Drawing, width: float) -> Drawing:
    """Return the legend of a page, in as many rows as it needs.

    Args:
        content: The cells on the page.
        width: Widest row in points.
    """
    boxes: list[Box] = []
    lines: list[Line] = []
    labels: list[Label] = []
    y = 0.0
    for entries in (_layers(content), _connections(content) + _signs(content)):
        x = 0.0
        for entry in entries:
            if x and x + entry.width > width:
                x, y = 0.0, y - _ROW_HEIGHT
            match entry.sample((x, y)) if entry.sample else None:
                case Box() as box:
                    boxes.append(box)
                case Line() as line:
                    lines.append(line)
            text_x = x + entry.text_offset
            labels.append(Label(entry.text, text_x, y, style.SMALL_SIZE, style.MUTED))
            x += entry.width + _ENTRY_GAP
        y -= _ROW_HEIGHT if entries else 0.0
    return Drawing(0.0, 0.0, tuple(boxes), tuple(lines), tuple(labels)).cropped()


def _layers(content: Drawing) -> list[_Entry]:
    tones = {box.tone for box in content.boxes}
    return [
        _Entry(tone.name, _swatch(key))
        for key, tone in style.TONES.items()
        if key in tones and tone.name
    ]


def _connections(content: Drawing) -> list[_Entry]:
    lines = content.lines
    found = []
    if any(line.dotted for line in lines):
        found.append(_Entry("from c(k−2)", _sample(dotted=True)))
    nodes = any(box.shape == "sum" and "node." in box.name for box in content.boxes)
    if any(not line.dotted and not line.skip for line in lines):
        found.append(_Entry("from c(k−1)" + " or a node" * nodes, _sample()))
    joined = {line.target.split(" ")[-1] for line in lines if line.skip}
    if joined:
        inter_cell = "inter-cell " if joined & {"output", OUTPUT} else ""
        found.append(_Entry(f"{inter_cell}skip connection", _sample(skip=True)))
    if any(box.shape == "sum" for box in content.boxes):
        found.append(_Entry("sum", _plus, _SUM_WIDTH))
    return found


def _signs(content: Drawing) -> list[_Entry]:
    said = " ".join(box.label for box in content.boxes)
    signs = {"/2": "stride 2", "d=2": "dilation 2"}
    return [_Entry(f"{sign}: {name}") for sign, name in signs.items() if sign in said]


def _swatch(tone: str) -> Callable[[Point], Box]:
    def place(at: Point) -> Box:
        middle = at[0] + _SAMPLE_WIDTH / 2
        size = (_SAMPLE_WIDTH, _SAMPLE_HEIGHT)
        return Box(LEGEND, "swatch", tone, "", (), middle, at[1], *size)

    return place


def _plus(at: Point) -> Box:
    middle = at[0] + _SUM_WIDTH / 2
    return Box(LEGEND, "sum", "sum", "", (), middle, at[1], _SUM_WIDTH, _SUM_WIDTH)


def _sample(dotted: bool = False, skip: bool = False) -> Callable[[Point], Line]:
    def place(at: Point) -> Line:
        path = straight(at, (at[0] + _SAMPLE_WIDTH, at[1]))
        return Line(LEGEND, LEGEND, (path,), None, dotted, skip)

    return place
