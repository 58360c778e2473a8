"""`SharedCell`: the same function as `PlainCell`, with what is equal computed once.

During the search no batch norm before a primitive has a weight or a bias, so that batch norm and
sign of a state are the same for all primitives of all edges that leave it. Its convolutions of one
geometry are one convolution with the filters of all edges, one after the other; its poolings, and
the batch norms after them, are computed once and weighted for every edge.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from bnas.cells import Primitive
from bnas.cells.nn import (
    BatchNorm2d,
    BinaryConv2d,
    binary_weight,
    convolve,
    round_counts,
)
from bnas.search.supernet.layers import CellFrame, pool
from bnas.search.supernet.mix import Terms, mixed_sum, norm_sign
from bnas.search.supernet.plan import CellPlan, conv_node, real_convs
from bnas.search.supernet.sign_conv import levels, sign_conv
from bnas.search.supernet.space import NUM_CELL_INPUTS, SearchSpace


class SharedConv(nn.Module):
    """One primitive of all edges that leave a state.

    Attributes:
        parts: `BinaryConv2d` whose filters follow each other: the binary ones, then those that
            `official_quirks` leaves real; either may be missing.
    """

    def __init__(self, parts: list[BinaryConv2d]) -> None:
        """Take the parts."""
        super().__init__()
        self.parts: nn.ModuleList = nn.ModuleList(parts)

    def _convs(self) -> list[BinaryConv2d]:
        return cast("list[BinaryConv2d]", self.parts)  # torch forgets what a list holds.

    def forward(self, signs: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return counts (N, E * C, H', W') and the scale of every filter (E * C,), apart.

        Args:
            signs: In ±1, (N, C, H, W).
            given: Their `sign_conv.levels`.
        """
        convs = self._convs()
        weights: list[Tensor] = []
        scales: list[Tensor] = []
        for conv in convs:
            weight: Tensor
            if conv.real_weights:
                weight, scale = conv.weight, torch.ones_like(conv.weight_scale)
            else:
                weight, scale = binary_weight(
                    conv.weight,
                    official_sign=conv.official_sign,
                    official_gradient=conv.official_gradient,
                )
            weights.append(weight)
            scales.append(scale if self.training or conv.real_weights else conv.weight_scale)
        node = convs[0].node
        weight = weights[0] if len(weights) == 1 else torch.cat(weights)
        scale = scales[0] if len(scales) == 1 else torch.cat(scales)
        geometry = (node.stride, node.padding, node.dilation, node.groups)
        if given is None or any(conv.real_weights for conv in convs):
            counts = convolve(signs, weight, *geometry)
        else:
            counts = sign_conv(signs, given, weight, geometry)
        return counts if self.training else self._rounded(counts), scale

    def _rounded(self, counts: Tensor) -> Tensor:
        convs = self._convs()
        pieces = counts.split([conv.node.out_channels for conv in convs], dim=1)
        rounded = [
            piece if conv.real_weights else round_counts(piece)
            for conv, piece in zip(convs, pieces, strict=True)
        ]
        return rounded[0] if len(rounded) == 1 else torch.cat(rounded, dim=1)


class SharedState(nn.Module):
    """All primitives of all edges that leave one state of a cell.

    Attributes:
        edges: Rows of those edges, by the node that each leads to.
        bn: Before the sign; None if there is no convolution.
        convs: Primitive -> `SharedConv`.
        norms: Primitive -> batch norm after that pooling.
    """

    def __init__(
        self, plan: CellPlan, space: SearchSpace, state: int, official_gradient: bool
    ) -> None:
        """Build the primitives.

        Args:
            plan: The cell.
            space: Its space.
            state: From 0; 0 and 1 are the cell's inputs.
            official_gradient: Of `BinaryConv2d`.
        """
        super().__init__()
        self.edges: tuple[int, ...] = tuple(
            space.edge(node, state) for node in space.readers(state)
        )
        self.stride: int = plan.stride(state)
        self.official_sign: bool = space.official_quirks
        self._columns = {name: column for column, name in enumerate(space.primitives)}
        self._pools = [layer for layer in space.layers if layer.kind in ("max_pool", "avg_pool")]
        real = real_convs(space)
        convs = {}
        for layer in space.layers:
            if layer.kind == "binary_conv":
                kept = sum((plan.index, edge, layer.name) in real for edge in self.edges)
                convs[layer.name] = self._conv(layer, plan.channels, kept, official_gradient)
        self.bn: BatchNorm2d | None = BatchNorm2d(plan.channels, affine=False) if convs else None
        self.convs: nn.ModuleDict = nn.ModuleDict(convs)
        self.norms: nn.ModuleDict = nn.ModuleDict(
            {layer.name: BatchNorm2d(plan.channels, affine=False) for layer in self._pools}
        )

    def _conv(self, layer: Primitive, channels: int, kept: int, gradient: bool) -> SharedConv:
        copies = {False: len(self.edges) - kept, True: kept}
        return SharedConv(
            [
                BinaryConv2d(
                    conv_node(layer, channels, count, self.stride),
                    real_weights=real_weights,
                    official_sign=self.official_sign,
                    official_gradient=gradient,
                )
                for real_weights, count in copies.items()
                if count
            ]
        )

    def forward(self, x: Tensor, probabilities: Tensor) -> Terms:
        """Return what the edges give to their nodes.

        Args:
            x: The state, (N, C, H, W).
            probabilities: Of the primitives of all edges of the cell, (edges, P).
        """
        own = probabilities[list(self.edges)]
        # All four, since torch's compiler does not trace defaults made by factories.
        terms = Terms(counts=[], weights=[], pools=[], shares=[])
        if self.bn is not None:
            signs = norm_sign(x, self.bn, self.official_sign)
            given = levels(signs)
            for name, conv in self.convs.items():
                counts, scale = conv(signs, given)
                shares = own[:, self._columns[name], None]
                terms.counts.append(counts)
                terms.weights.append((shares * scale.view(len(self.edges), -1)).flatten())
        for layer in self._pools:
            terms.pools.append(self.norms[layer.name](pool(layer, x, self.stride)))
            terms.shares.append(own[:, self._columns[layer.name]])
        return terms


class SharedCell(CellFrame):
    """A cell that is computed state by state.

    Attributes:
        states: `SharedState` of every state that is read by a node.
    """

    def __init__(self, plan: CellPlan, space: SearchSpace, official_gradient: bool) -> None:
        """Build all states.

        Args:
            plan: The cell.
            space: Its space.
            official_gradient: Of `BinaryConv2d`.
        """
        super().__init__(plan, space)
        self.channels: int = plan.channels
        self.states: nn.ModuleList = nn.ModuleList(
            SharedState(plan, space, state, official_gradient)
            for state in range(NUM_CELL_INPUTS + space.nodes - 1)
        )

    def forward(self, before: Tensor, last: Tensor, probabilities: Tensor) -> Tensor:
        """Return the cell's output, (N, nodes * C, H', W'); arguments as of `PlainCell`."""
        terms = self.states[0](self.preprocess0(before), probabilities)
        terms.extend(self.states[1](self.preprocess1(last), probabilities))
        # The first of the nodes that wait for summands has all of them.
        node, waiting = mixed_sum(None, terms, self.channels)
        nodes = [node]
        for state in self.states[NUM_CELL_INPUTS:]:
            node, waiting = mixed_sum(waiting, state(node, probabilities), self.channels)
            nodes.append(node)
        return self.join(torch.cat(nodes, dim=1), last)
