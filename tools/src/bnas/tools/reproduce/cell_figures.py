"""Figures 1 to 3 of the supplement: cells side by side, with what they are said to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from bnas import cells
from bnas.tools.reproduce.cell_facts import COLUMNS, CellFacts, facts_of
from bnas.tools.reproduce.checks import Check, told, verdict_of
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.section import Picture, Section, Table

if TYPE_CHECKING:
    from bnas.cells.draw import CellPicture
    from bnas.cells.spec import Skip

_SUFFIXES = (".svg", ".png")
#: The supplement's figures draw skips from both inputs of a cell of BNAS.
_DRAWN_SKIP: Final = "both"
_ON_SKIPS = (
    "A cell of BNAS is drawn with the skips of the supplement's figures, from both of its inputs "
    "where their shapes agree with the output's; the published weights, and the networks of this "
    "toolkit, have the skip from c(k-1) alone."
)


@frozen(kw_only=True)
class Figure:
    """A figure, and what was found on the cells of it.

    Attributes:
        target: Such as ``"fig1"``.
        title: Heading.
        claim: What the supplement says that it shows.
        names: Networks of the cells, from left to right.
        reduction: Whether their reduction cells are shown.
        facts: What the cells hold.
        checks: What is claimed of them, and whether it is so.
    """

    target: str
    title: str
    claim: str
    names: tuple[str, ...]
    reduction: bool = False
    facts: tuple[CellFacts, ...]
    checks: tuple[Check, ...]


def fig1(context: Context) -> Section:
    """Return XNOR-Net's residual block beside the normal cell of BNAS-A.

    Args:
        context: Of the reproduction.
    """
    block = facts_of(cells.spec("XNOR-ResNet-18"), "XNOR-Net's ResNet-18, block")
    ours, *drawn = _ours(reduction=False)
    kernels = block.kernels + ours.kernels
    figure = Figure(
        target="fig1",
        title="Figure 1: XNOR-Net's cell and the cell found",
        claim="XNOR-Net's cell, from ResNet-18, and the cell found hold two 3x3 binary "
        "convolutions each; the cell found holds Zeroise layers besides (Section 1, Figure 1).",
        names=("XNOR-ResNet-18", "BNAS-A"),
        facts=(block, ours, *drawn),
        checks=(
            Check(
                "both cells hold two binary convolutions",
                len(block.kernels) == len(ours.kernels) == 2,
            ),
            Check("all of them are 3x3", all(kernel.startswith("3x3") for kernel in kernels)),
            Check(
                "the cell found holds Zeroise, XNOR-Net's none", ours.zeroise > 0 == block.zeroise
            ),
        ),
    )
    return _section(context, figure)


def fig2(context: Context) -> Section:
    """Return the normal cell of BNAS beside that of binarised DARTS.

    Args:
        context: Of the reproduction.
    """
    ours, *drawn = _ours(reduction=False)
    other = facts_of(cells.spec("DARTS-V2"), "binarised DARTS, normal cell")
    figure = Figure(
        target="fig2",
        title="Figure 2: normal cells of BNAS and of binarised DARTS",
        claim="BNAS's cell has inter-cell skips; that of binarised DARTS has intra-cell ones only, "
        "and very many separable convolutions (Section 1, Figure 2).",
        names=("BNAS-A", "DARTS-V2"),
        facts=(ours, *drawn, other),
        checks=(
            Check("BNAS's cell has an inter-cell skip", ours.inter_skips > 0),
            Check("DARTS's cell has none", other.inter_skips == 0),
            Check(
                "DARTS's cell has intra-cell skips, BNAS's none",
                other.intra_skips > 0 and ours.intra_skips == 0,
            ),
            Check(
                "most edges of DARTS's cell are separable convolutions",
                2 * other.separable > other.edges,
            ),
        ),
    )
    return _section(context, figure)


def fig3(context: Context) -> Section:
    """Return the reduction cell of BNAS beside that of binarised DARTS.

    Args:
        context: Of the reproduction.
    """
    ours, *drawn = _ours(reduction=True)
    other = facts_of(cells.spec("DARTS-V2"), "binarised DARTS, reduction cell", reduction=True)
    figure = Figure(
        target="fig3",
        title="Figure 3: reduction cells of BNAS and of binarised DARTS",
        claim="BNAS's reduction cell has many Zeroise layers, and its max pools read c(k-2) only "
        "(Section 1, Figure 3).",
        names=("BNAS-A", "DARTS-V2"),
        reduction=True,
        facts=(ours, *drawn, other),
        checks=(
            Check("most edges of BNAS's cell are Zeroise", 2 * ours.zeroise > ours.edges),
            Check("DARTS's cell has no Zeroise", other.zeroise == 0),
            Check("BNAS's max pools read c(k-2) only", set(ours.max_pools) == {0}),
            Check("DARTS's cell has intra-cell skips", other.intra_skips > 0),
        ),
    )
    return _section(context, figure)


def _ours(*, reduction: bool) -> list[CellFacts]:
    """Return what BNAS-A's cell holds in the published weights, and as drawn if that is more."""
    kind = "reduction" if reduction else "normal"
    spec = cells.spec("BNAS-A")
    drawn = cells.changed(spec, skip=_DRAWN_SKIP)
    ours = facts_of(spec, f"BNAS, {kind} cell", reduction=reduction)
    other = facts_of(drawn, f"BNAS, {kind} cell, as drawn", reduction=reduction)
    return [ours] if other.inter_skips == ours.inter_skips else [ours, other]


def _section(context: Context, figure: Figure) -> Section:
    from bnas.cells.draw import draw_cells

    context.tell(f"drawing {figure.target}")
    pictures = [_picture(name, figure.reduction) for name in figure.names]
    for suffix in _SUFFIXES:
        draw_cells(pictures, context.path(f"{figure.target}{suffix}"))
    kind = "Reduction cells" if figure.reduction else "Normal cells"
    caption = f"{kind}, from left to right: {', '.join(figure.names)}."
    return Section(
        target=figure.target,
        title=figure.title,
        claim=figure.claim,
        verdict=verdict_of(figure.checks),
        finding=f"On the graphs that are drawn, {told(figure.checks)}",
        parts=(
            Picture(f"{figure.target}.svg", caption),
            _ON_SKIPS,
            Table(
                figure.target,
                COLUMNS,
                tuple(each.row() for each in figure.facts),
                "What the cells hold, counted on the networks' graphs: on the edges of a cell, "
                "without the 1x1 convolutions before it. Skips are what is added to its output.",
            ),
        ),
    )


def _picture(name: str, reduction: bool) -> CellPicture:
    from bnas.cells.draw import CellPicture

    spec = cells.spec(name)
    skip: Skip | None = _DRAWN_SKIP if isinstance(spec, cells.NetworkSpec) else None
    return CellPicture(spec, reduction=reduction, skip=skip)
