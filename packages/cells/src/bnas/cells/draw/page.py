"""Whole pages: a cell, or both cells of a network side by side, with titles and legend."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from bnas.cells.draw import style
from bnas.cells.draw.layout import lay_out
from bnas.cells.draw.legend import legend
from bnas.cells.draw.records import Drawing, Label
from bnas.cells.draw.structure import cell_structure
from bnas.cells.draw.text import text_width
from bnas.cells.family import name_of
from bnas.cells.genotype import genotypes
from bnas.cells.spec import NetworkSpec

_CELL_GAP = 56.0
_BLOCK_GAP = 20.0
_MIN_WIDTH = 330.0
_TEMPLATES = {"cifar": "CIFAR", "imagenet": "ImageNet"}
_PRUNED = "pruned: the same function without what Zeroise makes needless"


def cell_page(
    spec: NetworkSpec, *, reduction: bool, pruned: bool, title: str | None, owner: str
) -> Drawing:
    """Return the page of one cell.

    Args:
        spec: The network.
        reduction: The reduction cell instead of the normal one.
        pruned: Only what `prune` leaves.
        title: Title; None makes one.
        owner: Whose cell it is, for a title that is made.
    """
    cell = lay_out(cell_structure(spec, reduction=reduction, pruned=pruned))
    kind = "reduction cell" if reduction else "normal cell"
    made = f"{owner}: {kind}" if owner else kind.capitalize()
    headings = [(made if title is None else _one_line(title), style.TITLE_SIZE)]
    headings += [(_PRUNED, style.LABEL_SIZE)] if pruned else []
    return _page(cell, [cell], headings)


def spec_page(spec: NetworkSpec, *, pruned: bool, title: str | None) -> Drawing:
    """Return the page of a network: its two cells side by side.

    Args:
        spec: The network.
        pruned: Only what `prune` leaves.
        title: Title; None makes one.
    """
    cells = [
        lay_out(cell_structure(spec, reduction=reduction, pruned=pruned))
        for reduction in (False, True)
    ]
    height = max(cell.height for cell in cells)
    normal = _titled(cells[0].named("normal"), "Normal cell", height)
    reduction = _titled(cells[1].named("reduction"), "Reduction cell", height)
    beside = reduction.moved(normal.width + _CELL_GAP, 0.0)
    both = Drawing(
        width=normal.width + _CELL_GAP + reduction.width,
        height=normal.height,
        boxes=normal.boxes + beside.boxes,
        lines=normal.lines + beside.lines,
        labels=normal.labels + beside.labels,
        description=f"Normal cell: {normal.description}. Reduction cell: {reduction.description}",
    )
    name = name_of(spec) or "Network"
    headings = [(name if title is None else _one_line(title), style.HEADING_SIZE)]
    headings.append((_facts(spec), style.LABEL_SIZE))
    headings += [(_PRUNED, style.LABEL_SIZE)] if pruned else []
    return _page(both, cells, headings)


def genotype_name(spec: NetworkSpec) -> str:
    """Return the name under which the genotype of a network was published, or an empty string.

    Args:
        spec: A network.
    """
    return next((name for name, known in genotypes.items() if known == spec.genotype), "")


def _one_line(title: str) -> str:
    """Return a title without line breaks and control characters, which no picture can hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in title).split())


def _facts(spec: NetworkSpec) -> str:
    reductions = sorted(index for index in spec.reductions if index < spec.num_cells)
    plural = len(reductions) > 1
    which = " and ".join(map(str, reductions))
    skips = {"none": "no skips", "previous": "skips from c(k−1)"}.get(
        spec.skip, "skips from c(k−1) and c(k−2)"
    )
    return " · ".join(
        [
            f"{_TEMPLATES[spec.template]} template",
            f"{spec.num_cells} cell{'s' * (spec.num_cells > 1)}",
            f"{spec.channels} channels",
            f"cell{'s' * plural} {which} reduce{'s' * (not plural)}",
            skips,
            f"{spec.num_classes} classes",
        ]
    )


def _titled(cell: Drawing, title: str, height: float) -> Drawing:
    """Return a cell at the top of a height, its title above it, at least as wide as that."""
    y = height + _BLOCK_GAP
    label = Label(title, 0.0, y, style.TITLE_SIZE, style.INK, bold=True)
    width = max(cell.width, label.bounds[2])
    shifted = cell.moved((width - cell.width) / 2, height - cell.height)
    return attrs.evolve(
        shifted, width=width, height=label.bounds[3], labels=(*shifted.labels, label)
    )


def _page(
    content: Drawing, cells: Sequence[Drawing], headings: Sequence[tuple[str, float]]
) -> Drawing:
    """Stack headings, content and legend inside margins; the first heading is the title."""
    inner = max(
        content.width,
        _MIN_WIDTH,
        *(text_width(text, size, bold=True) for text, size in headings),
    )
    key = legend(cells, inner)
    bottom = style.MARGIN + key.height + _BLOCK_GAP
    placed = content.moved(style.MARGIN + (inner - content.width) / 2, bottom)
    key = key.moved(style.MARGIN, style.MARGIN)
    y = bottom + content.height + _BLOCK_GAP
    labels = []
    for place, (text, size) in reversed(list(enumerate(headings))):
        colour = style.MUTED if place else style.INK
        y += 0.6 * size
        labels.append(Label(text, style.MARGIN, y, size, colour, bold=not place))
        y += size
    return Drawing(
        width=inner + 2 * style.MARGIN,
        height=y + style.MARGIN,
        boxes=placed.boxes + key.boxes,
        lines=placed.lines + key.lines,
        labels=(*placed.labels, *key.labels, *reversed(labels)),
        title=headings[0][0],
        description=content.description,
    )
