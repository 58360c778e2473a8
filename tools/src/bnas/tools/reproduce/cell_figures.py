"""Figures 1 to 3 of the supplement: cells side by side, with what they are said to show."""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen

from bnas import cells
from bnas.cells import nodes
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.section import Picture, Section, Table, Verdict

_SUFFIXES = ("svg", "png")
_COLUMNS = (
    "cell",
    "binary convolutions on its edges",
    "kernels",
    "Zeroise edges",
    "separable convolutions",
    "intra-cell skips",
    "inter-cell skips",
    "max pools",
    "of them from c(k-2)",
)


@frozen(kw_only=True)
class CellFacts:
    """What one cell or block of a network holds, read off its graph and its genotype.

    Attributes:
        title: What the cell is called.
        kernels: Of the binary convolutions on its edges, or of a block; depthwise ones and the
            1x1 after them too.
        zeroise: Edges of Zeroise.
        separable: Edges of separable convolutions.
        intra_skips: Edges of skip_connect.
        inter_skips: What is added to the output from outside the cell.
        max_pools: Input states of the max pools; state 0 is c(k-2).
    """

    title: str
    kernels: tuple[str, ...]
    zeroise: int = 0
    separable: int = 0
    intra_skips: int = 0
    inter_skips: int = 0
    max_pools: tuple[int, ...] = ()

    def row(self) -> tuple[Any, ...]:
        """Return the values of a table's row."""
        kinds = {kind: self.kernels.count(kind) for kind in self.kernels}
        from_before = sum(state == 0 for state in self.max_pools)
        return (
            self.title,
            len(self.kernels),
            ", ".join(f"{count} of {kind}" for kind, count in kinds.items()) or None,
            self.zeroise,
            self.separable,
            self.intra_skips,
            self.inter_skips,
            len(self.max_pools),
            from_before,
        )


def facts_of(spec: Any, title: str, *, reduction: bool = False) -> CellFacts:
    """Return what the first cell with a skip holds, or the first block of a residual network.

    Args:
        spec: The network: a `NetworkSpec`, a `DartsSpec`, a `ResNetSpec`.
        title: What the cell is called.
        reduction: The reduction cell instead of the normal one.
    """
    genotype = getattr(spec, "genotype", None)
    label = "layer1.0" if genotype is None else _cell(spec, reduction)
    edges = () if genotype is None else genotype.cell(reduction)
    graph = spec.lower()
    convs = [node for node in graph if isinstance(node, nodes.BinaryConv) and node.cell == label]
    output = next(node for node in graph if node.name == graph.taps[label])
    kinds = [(cells.primitive(op).kind, source) for op, source in edges]
    return CellFacts(
        title=title,
        kernels=tuple(_kernel(conv) for conv in convs if conv.role in ("op", "block")),
        zeroise=sum(isinstance(node, nodes.Zero) and node.cell == label for node in graph),
        separable=sum(kind == "separable_conv" for kind, _ in kinds),
        intra_skips=sum(kind == "identity" for kind, _ in kinds),
        inter_skips=len(output.inputs) - 1 if isinstance(output, nodes.Add) else 0,
        max_pools=tuple(source for kind, source in kinds if kind == "max_pool"),
    )


def _cell(spec: Any, reduction: bool) -> str:
    """Return the first such cell but cell 0, which never has a skip."""
    chosen = (i for i in range(1, spec.num_cells) if (i in spec.reductions) == reduction)
    return f"cell_{next(chosen):02d}"


def _kernel(conv: nodes.BinaryConv) -> str:
    kind = f"{conv.kernel}x{conv.kernel}"
    if conv.dilation > 1:
        kind += f" dilation {conv.dilation}"
    if conv.groups > 1:
        kind += " depthwise" if conv.groups == conv.in_channels else f" in {conv.groups} groups"
    return kind


def fig1(context: Context) -> Section:
    """Return XNOR-Net's residual block beside the normal cell of BNAS-A.

    Args:
        context: Of the reproduction.
    """
    block = facts_of(cells.spec("XNOR-ResNet-18"), "XNOR-Net, ResNet-18")
    cell = facts_of(cells.spec("BNAS-A"), "BNAS, normal cell")
    both = len(block.kernels) == len(cell.kernels) == 2
    both = both and all(kind.startswith("3x3") for kind in block.kernels + cell.kernels)
    checks = {
        "both cells hold two 3x3 binary convolutions and no other": both,
        "the cell found has Zeroise, XNOR-Net's has none": cell.zeroise > 0 == block.zeroise,
    }
    return _section(
        context,
        "fig1",
        "Figure 1: XNOR-Net's cell and the cell found",
        "Both XNOR-Net's ResNet-18 cell and the cell found hold two 3x3 binary convolutions; the "
        "cell found has Zeroise layers besides (Section 1, Figure 1).",
        (block, cell),
        checks,
        _pictures("XNOR-ResNet-18", "normal"),
    )


def fig2(context: Context) -> Section:
    """Return the normal cell of BNAS beside that of binarised DARTS.

    Args:
        context: Of the reproduction.
    """
    ours = facts_of(cells.spec("BNAS-A"), "BNAS, normal cell")
    other = facts_of(cells.spec("DARTS-V2"), "binarised DARTS, normal cell")
    checks = {
        "BNAS's cell has an inter-cell skip, DARTS's has none": ours.inter_skips > 0
        and not other.inter_skips,
        "the skips of DARTS's cell are intra-cell ones, BNAS's has none": other.intra_skips > 0
        and not ours.intra_skips,
        "most edges of DARTS's cell are separable convolutions": 2 * other.separable
        > len(cells.genotypes["darts-v2"].normal),
    }
    return _section(
        context,
        "fig2",
        "Figure 2: normal cells of BNAS and of binarised DARTS",
        "The cell of BNAS has inter-cell skip connections; that of binarised DARTS has intra-cell "
        "ones only, and many separable convolutions (Section 1, Figure 2). That it does not train "
        "is another matter: see the baselines.",
        (ours, other),
        checks,
        _pictures("DARTS-V2", "normal", ours_first=True),
    )


def fig3(context: Context) -> Section:
    """Return the reduction cell of BNAS beside that of binarised DARTS.

    Args:
        context: Of the reproduction.
    """
    ours = facts_of(cells.spec("BNAS-A"), "BNAS, reduction cell", reduction=True)
    other = facts_of(cells.spec("DARTS-V2"), "binarised DARTS, reduction cell", reduction=True)
    edges = len(cells.genotypes["bnas-cifar10"].reduce)
    checks = {
        "at least half of the edges of BNAS's reduction cell are Zeroise, none of DARTS's": 2
        * ours.zeroise
        >= edges
        and not other.zeroise,
        "BNAS's max pools read c(k-2) only": set(ours.max_pools) == {0},
        "DARTS's reduction cell has intra-cell skips": other.intra_skips > 0,
    }
    return _section(
        context,
        "fig3",
        "Figure 3: reduction cells of BNAS and of binarised DARTS",
        "BNAS's reduction cell has many Zeroise layers, and its max pools read c(k-2) only "
        "(Section 1, Figure 3).",
        (ours, other),
        checks,
        _pictures("DARTS-V2", "reduction", ours_first=True),
    )
