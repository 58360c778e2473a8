"""`LayerCost`: parameters and multiply-accumulates of one layer, whatever the counting rule."""

from __future__ import annotations

from attrs import frozen

from bnas.cells import nodes
from bnas.cells.graph import Graph

#: Bits of a parameter that is not one bit.
FLOAT_BITS = 32


@frozen(kw_only=True)
class LayerCost:
    """One layer with parameters.

    Attributes:
        name: The graph's node.
        kind: Node type, such as ``BinaryConv``.
        cell: Stage it belongs to.
        role: Part of the network: stem, preprocess, op, skip or classifier.
        params: Learnable parameters.
        macs: Multiply-accumulates for one image.
        weight_bits: Bits of one weight: 1 or 32.
    """

    name: str
    kind: str
    cell: str
    role: str
    params: int
    macs: int
    weight_bits: int

    @property
    def is_binary(self) -> bool:
        """Whether the layer multiplies 1-bit weights with 1-bit activations."""
        return self.weight_bits == 1


def layer_costs(graph: Graph, input_size: int) -> tuple[LayerCost, ...]:
    """Return what every layer with parameters costs for one image.

    Args:
        graph: The network.
        input_size: Side of the square image in pixels.

    Raises:
        GraphError: The network cannot take images of this size.
    """
    shapes = graph.shapes(input_size)
    return tuple(_layer(node, shapes[node.name]) for node in graph if node.has_parameters)


def _layer(node: nodes.Node, shape: nodes.Shape) -> LayerCost:
    macs, weight_bits = 0, FLOAT_BITS
    match node:
        case nodes.Conv():
            params = node.weight_count + (node.out_channels if node.bias else 0)
            macs = node.weight_count * shape[1] * shape[2]
            weight_bits = 1 if isinstance(node, nodes.BinaryConv) else FLOAT_BITS
        case nodes.Linear():
            macs = node.in_features * node.out_features
            params = macs + node.out_features
        case nodes.RPReLU():
            params = 3 * node.channels
        case _:
            params = 2 * shape[0] if getattr(node, "affine", False) else 0
    return LayerCost(
        name=node.name,
        kind=type(node).__name__,
        cell=node.cell,
        role=node.role,
        params=params,
        macs=macs,
        weight_bits=weight_bits,
    )
