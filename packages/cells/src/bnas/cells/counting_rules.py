"""The counting rules: what FLOPs and bits the layers of a network come to, and against what."""

from __future__ import annotations

import attrs
from attrs import frozen

from bnas.cells import nodes
from bnas.cells.genotype import genotypes
from bnas.cells.layer_cost import FLOAT_BITS, LayerCost, layer_costs
from bnas.cells.prune import prune
from bnas.cells.spec import NetworkSpec
from bnas.cells.specification import Spec

#: Binary MACs that count as one FLOP.
BINARY_MACS_PER_FLOP = 64
# What the paper's rule counts as 1 bit, whatever the weights are.
_CELL_ROLES = ("preprocess", "op")


@frozen
class Totals:
    """What a rule counts.

    Attributes:
        flops: Real MACs + binary MACs / 64.
        memory_bits: Bits of all parameters.
        memory_saving: Bits of the float counterpart over `memory_bits`.
        speed_up: MACs of the float counterpart over `flops`.
    """

    flops: float
    memory_bits: int
    memory_saving: float
    speed_up: float

    @classmethod
    def against(cls, counterpart: tuple[LayerCost, ...], flops: float, memory_bits: int) -> Totals:
        """Compare with the layers of a float counterpart."""
        float_bits = FLOAT_BITS * sum(layer.params for layer in counterpart)
        float_macs = sum(layer.macs for layer in counterpart)
        return cls(float(flops), memory_bits, float_bits / memory_bits, float_macs / flops)


def count_paper(spec: NetworkSpec, size: int, layers: tuple[LayerCost, ...]) -> Totals:
    """Count a network of cells as the BNAS paper does.

    Args:
        spec: The network.
        size: Side of the square image in pixels.
        layers: Its layers.
    """
    layers = _without_skip_convs(layers)
    memory_bits = sum(
        # Layers without MACs are batch norms and RPReLUs: one bit for each of their parameters.
        layer.params * (FLOAT_BITS if layer.macs and layer.role not in _CELL_ROLES else 1)
        for layer in layers
    )
    flops = sum(
        layer.macs / (BINARY_MACS_PER_FLOP if layer.role in _CELL_ROLES else 1) for layer in layers
    )
    has_zeroise = any(op == "none" for op, _ in spec.genotype.normal + spec.genotype.reduce)
    counterpart = attrs.evolve(spec, genotype=genotypes["bnas-imagenet"]) if has_zeroise else spec
    float_layers = _without_skip_convs(layer_costs(counterpart.lower(), size))
    return Totals.against(float_layers, flops, memory_bits)


def count_deployed(spec: Spec, size: int, layers: tuple[LayerCost, ...]) -> Totals:
    """Count what of any network is stored and run after pruning.

    Args:
        spec: The network.
        size: Side of the square image in pixels.
        layers: Its layers.
    """
    graph = prune(spec.lower())
    readers = graph.consumers()
    memory_bits = sum(_stored_bits(node, readers[node.name]) for node in graph)
    return Totals.against(layers, _flops(layer_costs(graph, size)), memory_bits)


def count_published(layers: tuple[LayerCost, ...]) -> Totals:
    """Count a network without cells: 1 bit a binary weight, 32 bits every other parameter.

    Args:
        layers: Of the network.

    References:
        Liu et al., "Bi-Real Net", ECCV 2018, Section 4.3, whose Table 3 it meets within 1 %.
    """
    memory_bits = sum(layer.params * layer.weight_bits for layer in layers)
    return Totals.against(layers, _flops(layers), memory_bits)


def _flops(layers: tuple[LayerCost, ...]) -> float:
    return sum(
        layer.macs / BINARY_MACS_PER_FLOP if layer.is_binary else layer.macs for layer in layers
    )


def _without_skip_convs(layers: tuple[LayerCost, ...]) -> tuple[LayerCost, ...]:
    return tuple(layer for layer in layers if not (layer.role == "skip" and layer.macs))


def _stored_bits(node: nodes.Node, readers: tuple[nodes.Node, ...]) -> int:
    """Return the bits that a packed network holds for one node, read by `readers`."""
    match node:
        case nodes.BinaryConv():
            return node.weight_count + node.out_channels * FLOAT_BITS
        case nodes.Conv():
            return (node.weight_count + (node.out_channels if node.bias else 0)) * FLOAT_BITS
        case nodes.Linear():
            return (node.in_features + 1) * node.out_features * FLOAT_BITS
        case nodes.RPReLU():
            return 3 * node.channels * FLOAT_BITS
        case nodes.BatchNorm():
            if readers and all(isinstance(reader, nodes.Sign) for reader in readers):
                return node.channels * (FLOAT_BITS + 1)  # one threshold and one direction
            return 2 * node.channels * FLOAT_BITS
    return 0
