"""How large each vertex is drawn, and with which outline."""

from __future__ import annotations

from attrs import frozen

from bnas.cells.draw import style
from bnas.cells.draw.columns import Extent
from bnas.cells.draw.records import Shape
from bnas.cells.draw.structure import Vertex
from bnas.cells.draw.text import break_label, text_width

_STATE_WIDTH = 62.0
_NOTE_GAP = 4.0
# Share of the width, around the middle, in which lines may meet an outline.
_PORT_ROOM = {"sum": 0.62, "pill": 0.62, "box": 0.4, "concat": 0.0}


@frozen
class Size:
    """Outline of a vertex, in points.

    Attributes:
        shape: Its outline.
        width: Its width.
        height: Its height.
        lines: Its label, broken into lines.
        note: Small text on its right.
    """

    shape: Shape
    width: float
    height: float
    lines: tuple[str, ...] = ()
    note: str = ""

    @property
    def extent(self) -> Extent:
        """How far it reaches from its axis, note included, with room for what stands beside it."""
        half = self.width / 2 + (style.STATE_GAP / 2 if self.shape == "pill" else 0.0)
        note = _NOTE_GAP + text_width(self.note, style.SMALL_SIZE) if self.note else 0.0
        return Extent(half, half + note)

    @property
    def note_offset(self) -> float:
        """Where the note begins, right of the axis."""
        return self.width / 2 + _NOTE_GAP

    @property
    def port_room(self) -> float:
        """How far from the axis, on either side, lines may meet the outline."""
        return _PORT_ROOM[self.shape] * self.width / 2


def size_of(vertex: Vertex) -> Size:
    """Return how a vertex is drawn.

    Args:
        vertex: Any vertex of a cell.
    """
    match vertex.kind:
        case "sum":
            return Size("sum", 2 * style.SUM_RADIUS, 2 * style.SUM_RADIUS, note=vertex.label)
        case "concat":
            width = style.SLOT_WIDTH * len(vertex.slots)
            return Size("concat", width, style.BOX_HEIGHT, note="concat")
        case "state":
            label = vertex.label.replace("-", "−")
            return Size("pill", _STATE_WIDTH, style.BOX_HEIGHT + 2, (label,))
    lines = break_label(vertex.label, style.LABEL_SIZE, style.WRAP_WIDTH)
    width = max(text_width(line, style.LABEL_SIZE) for line in lines) + 2 * style.BOX_PADDING
    height = style.BOX_HEIGHT + style.LINE_HEIGHT * (len(lines) - 1)
    return Size("box", width, height, lines)
