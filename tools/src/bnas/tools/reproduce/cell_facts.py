"""`CellFacts`: what a cell holds, read off its graph, to check what figures are said to show."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from bnas import cells
from bnas.cells import nodes

#: Headings of the values that `CellFacts.row` returns.
COLUMNS = (
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
        edges: Of the cell; 0 of a block.
        zeroise: Edges of Zeroise.
        separable: Edges of separable convolutions.
        intra_skips: Edges of skip_connect.
        inter_skips: What is added to the output from outside the cell.
        max_pools: Input states of the max pools; state 0 is c(k-2).
    """

    title: str
    kernels: tuple[str, ...]
    edges: int = 0
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
    """Return what a cell holds that has two others before it; of a residual network, a block.

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
        edges=len(edges),
        zeroise=sum(isinstance(node, nodes.Zero) and node.cell == label for node in graph),
        separable=sum(kind == "separable_conv" for kind, _ in kinds),
        intra_skips=sum(kind == "identity" for kind, _ in kinds),
        inter_skips=len(output.inputs) - 1 if isinstance(output, nodes.Add) else 0,
        max_pools=tuple(source for kind, source in kinds if kind == "max_pool"),
    )


def _cell(spec: Any, reduction: bool) -> str:
    """Return the first such cell behind two others: before, skips are left out or are shorter."""
    chosen = (i for i in range(2, spec.num_cells) if (i in spec.reductions) == reduction)
    return f"cell_{next(chosen):02d}"


def _kernel(conv: nodes.BinaryConv) -> str:
    kind = f"{conv.kernel}x{conv.kernel}"
    if conv.dilation > 1:
        kind += f" dilation {conv.dilation}"
    if conv.groups > 1:
        kind += " depthwise" if conv.groups == conv.in_channels else f" in {conv.groups} groups"
    return kind
