"""`CellLayers`: the blocks and edges of a cell as nodes of the graph, whatever stacks the cells.

A binary block is batch norm, sign, binary convolution, ReLU (or RPReLU), in this order; a real one
leaves out the sign. Names are those of the parameters: ``cells.3.ops.1.conv`` is the convolution of
edge 1 of cell 3, ``cells.3.ops.1.depthwise1.conv`` the first of a separable one.

References:
    ECCV 2020 BNAS, Section 4.2; the primitives are those of `bnas.cells.primitives`.
Deviates:
    DARTS's separable convolution is ReLU, depthwise, pointwise, batch norm, with nothing between
    the two. Binary convolutions read signs, so here each of the two is a block of its own.
"""

from __future__ import annotations

import re

import attrs
from attrs import frozen

from bnas.cells import nodes
from bnas.cells.builder import Builder, Value, Window
from bnas.cells.genotype import EDGES_PER_NODE, NUM_CELL_INPUTS, Genotype
from bnas.cells.primitives import Primitive, primitive

_EDGE = re.compile(r"cells\.\d+\.ops\.\d+")


def edge_of(name: str) -> str:
    """Return the name of the edge that a node is part of, such as ``cells.3.ops.1``, or ""."""
    found = _EDGE.match(name)
    return found[0] if found else ""


@frozen
class CellLayers:
    """Appends the layers of cells.

    Attributes:
        build: Where they go.
        activation: What ends a block: ``"relu"`` or ``"rprelu"``.
        real_downsampling: Whether the convolutions of stride 2 on edges are real.
    """

    build: Builder
    activation: str
    real_downsampling: bool = False

    def block(
        self, name: str, value: Value, channels: int, window: Window, *, affine: bool = True
    ) -> Value:
        """Append a binary block: batch norm, sign, binary convolution and ReLU or RPReLU.

        Args:
            name: Prefix of the names of its nodes.
            value: Its input.
            channels: Of its output.
            window: Geometry of its convolution.
            affine: Whether its batch norm has parameters.
        """
        build = self.build
        normalised = build.batch_norm(f"{name}.bn", value, affine)
        sign = build.sign(f"{name}.sign", normalised)
        conv = build.conv(nodes.BinaryConv, f"{name}.conv", sign, channels, window)
        return build.activate(f"{name}.{self.activation}", conv, self.activation)

    def real_block(self, name: str, value: Value, channels: int, window: Window) -> Value:
        """Append a block without sign, whose convolution is real; see `block`."""
        normalised = self.build.batch_norm(f"{name}.bn", value)
        conv = self.build.conv(nodes.Conv, f"{name}.conv", normalised, channels, window)
        return self.build.activate(f"{name}.{self.activation}", conv, self.activation)

    def edge(self, name: str, op: Primitive, value: Value, stride: int) -> Value:
        """Append what an edge computes.

        Args:
            name: Prefix of the names of its nodes.
            op: The layer type.
            value: The state that it reads.
            stride: 2 on edges from the inputs of a reduction cell, else 1.
        """
        window = Window(op.kernel, stride, op.padding, op.dilation, op.groups)
        match op.kind:
            case "zero":
                kind = nodes.Zero
                self.build.add(kind, name, value.name, channels=value.channels, stride=stride)
                return Value(name, value.channels, value.halvings + stride - 1)
            case "identity" if stride == 1:
                return attrs.evolve(value, name=self.build.add(nodes.Identity, name, value.name))
            case "identity":
                return self._edge_block(name, value, Window(1, stride))
            case "max_pool":
                return self.build.pool(nodes.MaxPool, name, value, window)
            case "avg_pool":
                return self.build.pool(nodes.AvgPool, name, value, window)
            case "separable_conv":
                return self._separable(name, value, window, op.repeats)
        return self._edge_block(name, value, window)

    def _edge_block(self, name: str, value: Value, window: Window) -> Value:
        """Append a block that keeps the number of channels."""
        is_real = self.real_downsampling and window.stride > 1
        block = self.real_block if is_real else self.block
        return block(name, value, value.channels, window)

    def _separable(self, name: str, value: Value, window: Window, repeats: int) -> Value:
        depthwise = attrs.evolve(window, groups=value.channels)
        for number in range(1, repeats + 1):
            value = self._edge_block(f"{name}.depthwise{number}", value, depthwise)
            value = self._edge_block(f"{name}.pointwise{number}", value, Window(1))
            depthwise = attrs.evolve(depthwise, stride=1)
        return value

    def wire(self, prefix: str, genotype: Genotype, reduction: bool, inputs: list[Value]) -> Value:
        """Append the edges and nodes of a cell and the concatenation that is its output.

        Args:
            prefix: Of the names, such as ``cells.3``.
            genotype: Wiring of the cells.
            reduction: Whether it is the reduction cell.
            inputs: States 0 and 1, of one shape.
        """
        states = list(inputs)
        edges = genotype.cell(reduction)
        for node in range(genotype.num_nodes):
            self.build.role = "op"
            summands = []
            for edge in range(node * EDGES_PER_NODE, (node + 1) * EDGES_PER_NODE):
                op, source = edges[edge]
                stride = 2 if reduction and source < NUM_CELL_INPUTS else 1
                name = f"{prefix}.ops.{edge}"
                summands.append(self.edge(name, primitive(op), states[source], stride))
            states.append(self.build.add_up(f"{prefix}.node.{node}", *summands))
        self.build.role = "join"
        parts = [states[state] for state in genotype.concat]
        name = self.build.add(nodes.Concat, f"{prefix}.concat", *(part.name for part in parts))
        return Value(name, sum(part.channels for part in parts), parts[0].halvings)
