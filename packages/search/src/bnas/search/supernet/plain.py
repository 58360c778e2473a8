"""`PlainCell`: a mixed cell with one module for every edge and primitive, the reference.

As one writes it first, and as the authors do: every primitive has its own batch norm, sign and
convolution.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bnas.cells import Primitive
from bnas.cells.nn import BatchNorm2d, BinaryConv2d, binarize_activation
from bnas.search.supernet.layers import CellFrame, pool
from bnas.search.supernet.plan import CellPlan, conv_node, real_convs
from bnas.search.supernet.space import NUM_CELL_INPUTS, SearchSpace


class BinaryConvOp(nn.Module):
    """Batch norm, sign, binary convolution, ReLU."""

    def __init__(self, conv: BinaryConv2d) -> None:
        """Take the convolution.

        Args:
            conv: Its `official_sign` is that of the activations too.
        """
        super().__init__()
        self.bn: BatchNorm2d = BatchNorm2d(conv.node.in_channels, affine=False)
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H', W')."""
        signs = binarize_activation(self.bn(x), official_sign=self.conv.official_sign)
        return functional.relu(self.conv(signs))


class PoolOp(nn.Module):
    """A pooling and batch norm."""

    def __init__(self, layer: Primitive, channels: int, stride: int) -> None:
        """Keep the geometry.

        Args:
            layer: A pooling.
            channels: Of the input.
            stride: In pixels.
        """
        super().__init__()
        self.layer = layer
        self.stride = stride
        self.bn: BatchNorm2d = BatchNorm2d(channels, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H', W')."""
        result: Tensor = self.bn(pool(self.layer, x, self.stride))
        return result


class PlainCell(CellFrame):
    """A cell whose every edge is the weighted sum of its primitives.

    Attributes:
        edges: One `nn.ModuleDict` an edge: primitive -> module, Zeroise left out.
    """

    def __init__(self, plan: CellPlan, space: SearchSpace, official_gradient: bool) -> None:
        """Build all primitives of all edges.

        Args:
            plan: The cell.
            space: Its space.
            official_gradient: Of `BinaryConv2d`.
        """
        super().__init__(plan, space)
        self.space = space
        real = real_convs(space)
        self.edges: nn.ModuleList = nn.ModuleList()
        for node in range(space.nodes):
            for state in range(NUM_CELL_INPUTS + node):
                edge, stride = len(self.edges), plan.stride(state)
                ops: dict[str, nn.Module] = {}
                for layer in space.layers:
                    if layer.kind == "binary_conv":
                        conv = BinaryConv2d(
                            conv_node(layer, plan.channels, 1, stride),
                            real_weights=(plan.index, edge, layer.name) in real,
                            official_sign=space.official_quirks,
                            official_gradient=official_gradient,
                        )
                        ops[layer.name] = BinaryConvOp(conv)
                    elif layer.kind != "zero":
                        ops[layer.name] = PoolOp(layer, plan.channels, stride)
                self.edges.append(nn.ModuleDict(ops))

    def forward(self, before: Tensor, last: Tensor, probabilities: Tensor) -> Tensor:
        """Return the cell's output, (N, nodes * C, H', W').

        Args:
            before: c(k-2), (N, I, H, W).
            last: c(k-1).
            probabilities: Of the primitives, (edges, P).
        """
        states = [self.preprocess0(before), self.preprocess1(last)]
        for _ in range(self.space.nodes):
            first = sum(NUM_CELL_INPUTS + node for node in range(len(states) - NUM_CELL_INPUTS))
            summands = [
                self._mixed(first + offset, state, probabilities[first + offset])
                for offset, state in enumerate(states)
            ]
            states.append(sum(summands[1:], summands[0]))
        return self.join(torch.cat(states[NUM_CELL_INPUTS:], dim=1), last)

    def _mixed(self, edge: int, state: Tensor, probabilities: Tensor) -> Tensor:
        columns = {name: column for column, name in enumerate(self.space.primitives)}
        ops: Any = self.edges[edge].items()  # type: ignore[operator]
        terms = [probabilities[columns[name]] * op(state) for name, op in ops]
        total: Tensor = sum(terms[1:], terms[0])
        return total
