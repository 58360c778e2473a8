"""Painting with matplotlib, without pyplot and without the reader's own settings."""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bnas.cells.draw import style
from bnas.cells.draw.errors import MissingExtraError
from bnas.cells.draw.records import Box, Curve, Drawing, Label, Line
from bnas.cells.draw.routes import rectangle, straight

try:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle, PathPatch, Polygon
    from matplotlib.path import Path as Outline
    from matplotlib.transforms import Affine2D
except ImportError as _error:
    raise MissingExtraError(
        "bnas.cells.draw needs matplotlib (it is not installed); install the extra: "
        'pip install "bnas-cells[draw]"',
        extra="draw",
    ) from _error

_PNG_DPI = 200
_FONTS = ["DejaVu Sans", "Verdana", "Arial", "Helvetica"]
_DOTS = (0, (0.1, 2.6))


def render(drawing: Drawing, suffix: str) -> bytes:
    """Return the drawing as the content of a file; the same bytes for the same drawing.

    Args:
        drawing: What to paint.
        suffix: ``".svg"`` or ``".png"``.
    """
    content = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # Text stays text: it can be searched, read aloud and edited.
        matplotlib.rc("svg", fonttype="none", hashsalt="bnas-cells")
        matplotlib.rc("font", **{"family": "sans-serif", "sans-serif": _FONTS})
        figure = _figure(drawing)
        about: dict[str, str | None] = {"Title": drawing.title, "Description": drawing.description}
        # The names of matplotlib's version and of the day would make other bytes of the same cell.
        about |= {"Creator": "bnas-cells", "Date": None} if suffix == ".svg" else {"Software": None}
        figure.savefig(content, format=suffix[1:], dpi=_PNG_DPI, metadata=about)
    return content.getvalue()


def _figure(drawing: Drawing) -> Figure:
    figure = Figure((drawing.width / 72, drawing.height / 72), facecolor=style.PAPER)
    painter = _Painter(figure)
    painter.lines(drawing.lines)
    for box in drawing.boxes:
        painter.box(box)
    for label in drawing.labels:
        painter.label(label)
    return figure


def _outline(curves: Sequence[Curve]) -> Outline:
    points = [curves[0][0], *(point for curve in curves for point in curve[1:])]
    return Outline(points, [Outline.MOVETO, *[Outline.CURVE4] * (3 * len(curves))])


class _Painter:
    """Puts records on a figure whose unit is one point."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
        self.named: Counter[str] = Counter()

    def _add(self, artist: Any, name: str) -> None:
        artist.set_transform(self.points)
        artist.set_gid(self._identity(name))
        self.figure.add_artist(artist)

    def _identity(self, name: str) -> str:
        """Return a name that is valid and unique as an SVG identity."""
        valid = re.sub(r"[^\w.]+", "-", name).strip("-")
        self.named[valid] += 1
        return f"{valid}-{self.named[valid]}" if self.named[valid] > 1 else valid

    def lines(self, lines: tuple[Line, ...]) -> None:
        """Paint lines, the part that several have in common once."""
        painted: set[Curve] = set()
        for line in sorted(lines, key=lambda line: (line.skip, -len(line.path))):
            own = [curve for curve in line.path if curve not in painted]
            painted.update(own)
            self._line(line, own)

    def _line(self, line: Line, curves: list[Curve]) -> None:
        colour = style.SKIP if line.skip else style.INK
        name = f"{line.source} to {line.target}"
        # The last curve is straight; painted as far as the arrowhead, or it would show beside it.
        (x0, y0), (x1, y1) = line.path[-1][0], line.path[-1][3]
        length = math.dist((x0, y0), (x1, y1))
        ux, uy = (x1 - x0) / length * style.ARROW, (y1 - y0) / length * style.ARROW
        back = (x1 - ux, y1 - uy)
        if curves and curves[-1] == line.path[-1]:
            curves = [*curves[:-1], straight(line.path[-1][0], back)]
        if curves:
            width = style.SKIP_WIDTH if line.skip else style.LINE_WIDTH
            dots = {"linestyle": _DOTS, "linewidth": width + 0.5} if line.dotted else {}
            options = {"linewidth": width, "capstyle": "round", "joinstyle": "round"} | dots
            self._add(PathPatch(_outline(curves), fill=False, edgecolor=colour, **options), name)
        wings = [
            (back[0] - uy * 0.45, back[1] + ux * 0.45),
            (back[0] + uy * 0.45, back[1] - ux * 0.45),
        ]
        head = Polygon([(x1, y1), *wings], closed=True, facecolor=colour, edgecolor="none")
        self._add(head, f"{name} arrow")

    def box(self, box: Box) -> None:
        """Paint one shape and its label."""
        tone = style.TONES[box.tone]
        look = {
            "facecolor": tone.fill,
            "edgecolor": tone.border,
            "linewidth": style.BORDER_WIDTH,
            "linestyle": (0, (3.2, 2.0)) if tone.dashed else "solid",
        }
        left, bottom, _, _ = box.bounds
        if box.shape == "sum":
            self._add(Circle((box.x, box.y), box.width / 2, **look), box.name)
            self._plus(box)
            return
        corner = {"pill": box.height / 2, "swatch": 2.5}.get(box.shape, 4.5)
        outline = _outline(rectangle(left, bottom, box.width, box.height, corner))
        self._add(PathPatch(outline, **look), box.name)
        self._slots(box)
        first = box.y + style.LINE_HEIGHT * (len(box.lines) - 1) / 2
        for place, text in enumerate(box.lines):
            y = first - style.LINE_HEIGHT * place
            self._text(box.x, y, text, tone.text, style.LABEL_SIZE, ha="center")

    def _plus(self, box: Box) -> None:
        arm = 0.46 * box.width / 2
        for dx, dy in ((arm, 0.0), (0.0, arm)):
            path = Outline([(box.x - dx, box.y - dy), (box.x + dx, box.y + dy)])
            look = {"edgecolor": style.TONES["sum"].text, "linewidth": 1.3, "capstyle": "round"}
            self._add(PathPatch(path, fill=False, **look), f"{box.name} plus")

    def _slots(self, box: Box) -> None:
        left, bottom, _, top = box.bounds
        width = box.width / max(len(box.slots), 1)
        for place, slot in enumerate(box.slots):
            x = left + width * place
            colour = style.TONES["zero" if slot.zero else box.tone]
            if slot.zero:
                inside = rectangle(x + 3, bottom + 3, width - 6, box.height - 6, 2.5)
                look = {"facecolor": colour.fill, "edgecolor": colour.border, "linewidth": 0.7}
                dashes = {"linestyle": (0, (3.2, 2.0))}
                self._add(
                    PathPatch(_outline(inside), **look, **dashes), f"{box.name} zeros {place}"
                )
            if place:
                rule = Outline([(x, bottom + 4), (x, top - 4)])
                edge = style.TONES[box.tone].border
                self._add(PathPatch(rule, fill=False, edgecolor=edge, linewidth=0.6), "rule")
            text = f"{slot.label} = 0" if slot.zero else slot.label
            self._text(x + width / 2, box.y, text, colour.text, style.SMALL_SIZE, ha="center")

    def label(self, label: Label) -> None:
        """Paint text outside of boxes."""
        weight = "bold" if label.bold else "normal"
        self._text(label.x, label.y, label.text, label.colour, label.size, weight=weight)

    def _text(self, x: float, y: float, text: str, colour: str, size: float, **look: Any) -> None:
        # A dollar sign in a title is a dollar sign, not the start of a formula.
        how: dict[str, Any] = {"ha": "left", "va": "center_baseline", "parse_math": False} | look
        self.figure.text(x, y, text, color=colour, size=size, transform=self.points, **how)
