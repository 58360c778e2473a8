"""Drawings of cells and blocks in the manner of the paper's figures, as SVG or PNG.

Needs the extra ``draw``: ``pip install "bnas-cells[draw]"``; matplotlib is imported when a picture
is written. `layout`, `layout_cells` and `layout_spec` do without: they return the positions of
everything.

References:
    Supplement of ECCV 2020 BNAS, Figures 1 to 3: dotted lines carry c(k-2), red ones are inter-cell
    skip connections, pink boxes intra-cell ones.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bnas.cells.draw.drawable import drawable
from bnas.cells.draw.errors import DrawError, MissingExtraError
from bnas.cells.draw.output import format_of, write_whole
from bnas.cells.draw.page import cell_page, cells_page, spec_page
from bnas.cells.draw.picture import CellPicture
from bnas.cells.draw.records import Box, Drawing, Label, Line
from bnas.cells.genotype import Genotype
from bnas.cells.spec import ReductionSkip, Skip
from bnas.cells.specification import Spec

__all__ = [
    "Box",
    "CellPicture",
    "DrawError",
    "Drawing",
    "Label",
    "Line",
    "MissingExtraError",
    "draw_cell",
    "draw_cells",
    "draw_spec",
    "layout",
    "layout_cells",
    "layout_spec",
]

# Cells on one page: each has a letter.
_MAX_CELLS = 26


def draw_cell(
    spec_or_genotype: Spec | Genotype,
    path: str | os.PathLike[str],
    *,
    reduction: bool = False,
    pruned: bool = False,
    title: str | None = None,
    skip: Skip | None = None,
    reduction_skip: ReductionSkip | None = None,
) -> Path:
    """Draw one cell or block; the same arguments give the same bytes.

    Args:
        spec_or_genotype: The network, or the wiring of its cells alone.
        path: The picture: ``.svg`` or ``.png``. Written whole or not at all.
        reduction: The reduction cell, or the block that halves the size, instead of the normal one.
        pruned: Without what Zeroise makes needless: only what `bnas.cells.prune` leaves of a cell
            whose inputs may hold anything.
        title: Title; None makes one.
        skip: Inter-cell skip connections; None leaves a specification as it is, and means
            ``"previous"`` for a genotype. Networks of other templates have no choice.
        reduction_skip: What carries the skip over a reduction cell; None likewise, ``"real"``.

    Returns:
        The path of the picture.

    Raises:
        DrawError: `path` has another suffix or lies in no folder, there is nothing to draw, or a
            skip is chosen where there is no choice.
        MissingExtraError: matplotlib is not installed.
        SpecError: `skip` or `reduction_skip` is none of the allowed values.
    """
    suffix = format_of(path)
    drawing = layout(
        spec_or_genotype,
        reduction=reduction,
        pruned=pruned,
        title=title,
        skip=skip,
        reduction_skip=reduction_skip,
    )
    return _save(drawing, path, suffix)


def draw_cells(
    cells: Sequence[CellPicture | Spec | Genotype],
    path: str | os.PathLike[str],
    *,
    columns: int | None = None,
    title: str | None = None,
) -> Path:
    """Draw several cells side by side, as (a), (b) and so on, with one legend.

    Args:
        cells: What to draw, from left to right; a network or genotype alone means its normal cell.
        path: The picture: ``.svg`` or ``.png``. Written whole or not at all.
        columns: Cells of a row; None takes as many as are not too wide for a page.
        title: Title of the whole; None leaves it out.

    Returns:
        The path of the picture.

    Raises:
        DrawError: `path` has another suffix or lies in no folder, there is nothing to draw, or
            there are more cells than letters.
        MissingExtraError: matplotlib is not installed.
    """
    suffix = format_of(path)
    return _save(layout_cells(cells, columns=columns, title=title), path, suffix)


def draw_spec(
    spec: Spec,
    path: str | os.PathLike[str],
    *,
    pruned: bool = False,
    title: str | None = None,
) -> Path:
    """Draw the two cells or blocks of a network side by side, under its name and size.

    Args:
        spec: The network.
        path: The picture: ``.svg`` or ``.png``. Written whole or not at all.
        pruned: Without what Zeroise makes needless.
        title: Title; None takes the name of a published network.

    Returns:
        The path of the picture.

    Raises:
        DrawError: `path` has another suffix or lies in no folder, or there is nothing to draw.
        MissingExtraError: matplotlib is not installed.
    """
    suffix = format_of(path)
    return _save(layout_spec(spec, pruned=pruned, title=title), path, suffix)


def layout(
    spec_or_genotype: Spec | Genotype,
    *,
    reduction: bool = False,
    pruned: bool = False,
    title: str | None = None,
    skip: Skip | None = None,
    reduction_skip: ReductionSkip | None = None,
) -> Drawing:
    """Return what `draw_cell` paints: positioned boxes, lines and labels.

    Args:
        spec_or_genotype: As in `draw_cell`, like the others.
        reduction: The reduction cell instead of the normal one.
        pruned: Without what Zeroise makes needless.
        title: Title; None makes one.
        skip: Inter-cell skip connections.
        reduction_skip: What carries the skip over a reduction cell.

    Raises:
        DrawError: There is nothing to draw, or a skip is chosen where there is no choice.
        SpecError: `skip` or `reduction_skip` is none of the allowed values.
    """
    picture = CellPicture(
        spec_or_genotype,
        reduction=reduction,
        pruned=pruned,
        title=title,
        skip=skip,
        reduction_skip=reduction_skip,
    )
    return cell_page(picture)


def layout_cells(
    cells: Sequence[CellPicture | Spec | Genotype],
    *,
    columns: int | None = None,
    title: str | None = None,
) -> Drawing:
    """Return what `draw_cells` paints: positioned boxes, lines and labels.

    Args:
        cells: As in `draw_cells`; names of boxes begin with the letter of the cell and a blank.
        columns: Cells of a row.
        title: Title of the whole; None leaves it out.

    Raises:
        DrawError: There is nothing to draw, there are more cells than letters, or `columns` is less
            than 1.
    """
    pictures = [each if isinstance(each, CellPicture) else CellPicture(each) for each in cells]
    if not 1 <= len(pictures) <= _MAX_CELLS:
        raise DrawError(
            f"`cells` must be 1 to {_MAX_CELLS} cells, each with a letter of its own "
            f"(got {len(pictures)})",
            cells,
        )
    if columns is not None and columns < 1:
        raise DrawError(f"`columns` must be at least 1 (got {columns})", columns)
    return cells_page(pictures, columns=columns, title=title)


def layout_spec(spec: Spec, *, pruned: bool = False, title: str | None = None) -> Drawing:
    """Return what `draw_spec` paints: positioned boxes, lines and labels.

    Args:
        spec: The network.
        pruned: Without what Zeroise makes needless.
        title: Title; None takes the name of a published network.

    Raises:
        DrawError: There is nothing to draw.
    """
    return spec_page(drawable(spec), pruned=pruned, title=title)


def _save(drawing: Drawing, path: str | os.PathLike[str], suffix: str) -> Path:
    from bnas.cells.draw.paint import render

    return write_whole(path, render(drawing, suffix))
