"""Drawings of cells in the manner of the paper's figures, as SVG or PNG.

Needs the extra ``draw``: ``pip install "bnas-cells[draw]"``; matplotlib is imported when a picture
is written. `layout` and `layout_spec` do without: they return the positions of everything.

References:
    Supplement of ECCV 2020 BNAS, Figures 1 to 3: dotted lines carry c(k-2), red ones are inter-cell
    skip connections.
"""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from bnas.cells.draw.errors import DrawError, MissingExtraError
from bnas.cells.draw.output import format_of, write_whole
from bnas.cells.draw.page import cell_page, genotype_name, spec_page
from bnas.cells.draw.records import Box, Drawing, Label, Line
from bnas.cells.family import name_of
from bnas.cells.genotype import Genotype
from bnas.cells.spec import NetworkSpec, ReductionSkip, Skip

__all__ = [
    "Box",
    "DrawError",
    "Drawing",
    "Label",
    "Line",
    "MissingExtraError",
    "draw_cell",
    "draw_spec",
    "layout",
    "layout_spec",
]


def draw_cell(
    spec_or_genotype: NetworkSpec | Genotype,
    path: str | os.PathLike[str],
    *,
    reduction: bool = False,
    pruned: bool = False,
    title: str | None = None,
    skip: Skip | None = None,
    reduction_skip: ReductionSkip | None = None,
) -> Path:
    """Draw one cell; the same arguments give the same bytes.

    Args:
        spec_or_genotype: The network, or its wiring alone.
        path: The picture: ``.svg`` or ``.png``. Written whole or not at all.
        reduction: The reduction cell instead of the normal one.
        pruned: Without what Zeroise makes needless: only what `bnas.cells.prune` leaves of a cell
            whose inputs may hold anything.
        title: Title; None makes one.
        skip: Inter-cell skip connections; None leaves a specification as it is, and means
            ``"previous"`` for a genotype.
        reduction_skip: What carries the skip over a reduction cell; None likewise, ``"real"``.

    Returns:
        The path of the picture.

    Raises:
        DrawError: `path` has another suffix or lies in no folder, or there is nothing to draw.
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


def draw_spec(
    spec: NetworkSpec,
    path: str | os.PathLike[str],
    *,
    pruned: bool = False,
    title: str | None = None,
) -> Path:
    """Draw the two cells of a network side by side, under its name, cells and channels.

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
    spec_or_genotype: NetworkSpec | Genotype,
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
        DrawError: There is nothing to draw.
        SpecError: `skip` or `reduction_skip` is none of the allowed values.
    """
    if isinstance(spec_or_genotype, Genotype):
        spec = NetworkSpec(genotype=spec_or_genotype)
        owner = genotype_name(spec)
    else:
        spec = _network(spec_or_genotype)
        owner = name_of(spec)
    if skip is not None:
        spec = attrs.evolve(spec, skip=skip)
    if reduction_skip is not None:
        spec = attrs.evolve(spec, reduction_skip=reduction_skip)
    return cell_page(spec, reduction=reduction, pruned=pruned, title=title, owner=owner)


def layout_spec(spec: NetworkSpec, *, pruned: bool = False, title: str | None = None) -> Drawing:
    """Return what `draw_spec` paints: positioned boxes, lines and labels.

    Args:
        spec: The network.
        pruned: Without what Zeroise makes needless.
        title: Title; None takes the name of a published network.

    Raises:
        DrawError: There is nothing to draw.
    """
    return spec_page(_network(spec), pruned=pruned, title=title)


def _network(value: object) -> NetworkSpec:
    if isinstance(value, NetworkSpec):
        return value
    raise DrawError(
        "a drawing shows the two cells of a Genotype or of a NetworkSpec, which has one; a "
        f"network without cells has no such picture (got {type(value).__name__})",
        value,
    )


def _save(drawing: Drawing, path: str | os.PathLike[str], suffix: str) -> Path:
    from bnas.cells.draw.paint import render

    return write_whole(path, render(drawing, suffix))
