"""Whole pages: one cell, or several side by side, with titles and one legend."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from bnas.cells.draw import style
from bnas.cells.draw.drawable import Drawable, facts, kind_of
from bnas.cells.draw.layout import lay_out
from bnas.cells.draw.legend import legend
from bnas.cells.draw.picture import CellPicture, one_line
from bnas.cells.draw.records import Drawing, Label
from bnas.cells.draw.structure import CellStructure
from bnas.cells.draw.text import text_width
from bnas.cells.family import name_of

_CELL_GAP = 56.0
_BLOCK_GAP = 20.0
_ROW_GAP = 44.0
# Of a row of several cells, in points; the figures of the paper, two cells each, are narrower.
_MAX_WIDTH = 1200.0
_MIN_WIDTH = 330.0
_PRUNED = "pruned: the same function without what Zeroise makes needless"
# Text and size of a line above the picture.
_Heading = tuple[str, float]


def cell_page(picture: CellPicture) -> Drawing:
    """Return the page of one cell.

    Args:
        picture: The cell.
    """
    cell = lay_out(picture.structure())
    headings = [(picture.heading, style.TITLE_SIZE)]
    headings += [(_PRUNED, style.LABEL_SIZE)] if picture.pruned else []
    return _page(cell, headings)


def cells_page(
    pictures: Sequence[CellPicture], *, columns: int | None, title: str | None
) -> Drawing:
    """Return a page of several cells side by side, called (a), (b) and so on.

    Args:
        pictures: The cells, 1 to 26 of them.
        columns: Cells of a row; None makes rows as long as a page is wide.
        title: Title; None leaves it out.
    """
    letters = [chr(ord("a") + place) for place in range(len(pictures))]
    titles = [
        f"({letter}) {picture.heading}{' (pruned)' * picture.pruned}"
        for letter, picture in zip(letters, pictures, strict=True)
    ]
    structures = [picture.structure() for picture in pictures]
    content = _in_rows(structures, titles, letters, columns)
    headings = [] if title is None else [(one_line(title), style.HEADING_SIZE)]
    return _page(content, headings)


def spec_page(spec: Drawable, *, pruned: bool, title: str | None) -> Drawing:
    """Return the page of a network: its two cells or blocks side by side.

    Args:
        spec: The network.
        pruned: Only what `prune` leaves.
        title: Title; None makes one.
    """
    pictures = [
        CellPicture(spec, reduction=reduction, pruned=pruned) for reduction in (False, True)
    ]
    titles = [kind_of(spec, reduction=reduction).capitalize() for reduction in (False, True)]
    structures = [picture.structure() for picture in pictures]
    both = _side_by_side(structures, titles, ["normal", "reduction"])
    name = name_of(spec) or "Network"
    headings = [(name if title is None else one_line(title), style.HEADING_SIZE)]
    headings.append((facts(spec), style.LABEL_SIZE))
    headings += [(_PRUNED, style.LABEL_SIZE)] if pruned else []
    return _page(both, headings)


def _columns(structures: Sequence[CellStructure]) -> int:
    """Return how many cells a row holds, the most that are not too wide."""
    widths = [lay_out(structure).width + _CELL_GAP for structure in structures]
    for columns in range(len(widths), 1, -1):
        rows = [widths[start : start + columns] for start in range(0, len(widths), columns)]
        if max(map(sum, rows)) <= _MAX_WIDTH:
            return columns
    return 1


def _in_rows(
    structures: Sequence[CellStructure],
    titles: Sequence[str],
    prefixes: Sequence[str],
    columns: int | None,
) -> Drawing:
    """Return cells side by side, and in further rows below."""
    columns = _columns(structures) if columns is None else columns
    rows = [slice(start, start + columns) for start in range(0, len(structures), columns)]
    page = Drawing(0.0, 0.0)
    for row in reversed(rows):
        cells = _side_by_side(structures[row], titles[row], prefixes[row])
        y = page.height + _ROW_GAP if page.boxes else 0.0
        width = max(page.width, cells.width)
        page = cells.moved(0.0, y).joined(page)
        page = attrs.evolve(page, width=width, height=y + cells.height)
    said = [f"{title}: {cell.describe()}" for title, cell in zip(titles, structures, strict=True)]
    return attrs.evolve(page, title="; ".join(titles), description=". ".join(said))


def _side_by_side(
    structures: Sequence[CellStructure], titles: Sequence[str], prefixes: Sequence[str]
) -> Drawing:
    """Return cells in one row, each under its title, the names of its boxes after its prefix.

    They are as high as the highest, if their rows can stand so far apart.
    """
    height = max(lay_out(structure).height for structure in structures)
    page = Drawing(0.0, 0.0)
    for structure, title, prefix in zip(structures, titles, prefixes, strict=True):
        cell = lay_out(structure, height=height)
        panel = _titled(cell.named(prefix), title, height)
        x = page.width + _CELL_GAP if page.boxes else 0.0
        page = page.joined(panel.moved(x, 0.0))
        page = attrs.evolve(page, width=x + panel.width, height=panel.height)
    said = [f"{title}: {cell.describe()}" for title, cell in zip(titles, structures, strict=True)]
    return attrs.evolve(page, description=". ".join(said))


def _titled(cell: Drawing, title: str, height: float) -> Drawing:
    """Return a cell in the middle of a height, its title above it, at least as wide as that."""
    y = height + _BLOCK_GAP
    label = Label(title, 0.0, y, style.TITLE_SIZE, style.INK, bold=True)
    width = max(cell.width, label.bounds[2])
    shifted = cell.moved((width - cell.width) / 2, (height - cell.height) / 2)
    return attrs.evolve(
        shifted, width=width, height=label.bounds[3], labels=(*shifted.labels, label)
    )


def _page(content: Drawing, headings: Sequence[_Heading]) -> Drawing:
    """Stack headings, content and legend inside margins; the first heading is the title."""
    widths = [text_width(text, size, bold=True) for text, size in headings]
    inner = max(content.width, _MIN_WIDTH, *widths)
    key = legend(content, inner)
    bottom = style.MARGIN + key.height + _BLOCK_GAP
    placed = content.moved(style.MARGIN + (inner - content.width) / 2, bottom)
    key = key.moved(style.MARGIN, style.MARGIN)
    y = bottom + content.height + (_BLOCK_GAP if headings else 0.0)
    labels = []
    for place, (text, size) in reversed(list(enumerate(headings))):
        colour = style.MUTED if place else style.INK
        y += 0.6 * size
        labels.append(Label(text, style.MARGIN, y, size, colour, bold=not place))
        y += size
    page = placed.joined(key)
    return attrs.evolve(
        page,
        width=inner + 2 * style.MARGIN,
        height=y + style.MARGIN,
        labels=(*page.labels, *reversed(labels)),
        title=headings[0][0] if headings else content.title,
    )
