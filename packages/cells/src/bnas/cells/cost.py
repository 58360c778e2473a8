"""`cost`: parameters, multiply-accumulates and bytes of a network, under a named counting rule.

A binary MAC multiplies two 1-bit operands; everything else is a real MAC. Both rules count one
binary MAC as 1/64 FLOP, as XNOR-Net does. They differ in what they count:

* ``"paper"`` is the rule behind the supplement's Tables 3 and 4, whose figures it meets within 6 %
  but for the memory of BNAS-F: the skip convolutions of reduction cells are left out, batch-norm
  parameters take one bit, and the float counterpart stacks the cell without Zeroise.
* ``"deployed"`` counts what is stored and run after pruning, in float32 where it is not one bit,
  against the same network in float32 as specified. A batch norm that only signs read takes one
  float32 threshold and one bit of direction a channel; a binary convolution one float32 scale a
  filter.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import attrs
from attrs import field, frozen

from bnas.cells import nodes
from bnas.cells.errors import SpecError
from bnas.cells.family import SPECS
from bnas.cells.genotype import genotypes
from bnas.cells.graph import Graph
from bnas.cells.prune import prune
from bnas.cells.spec import NetworkSpec

Rule = Literal["paper", "deployed"]
#: Binary MACs that count as one FLOP.
BINARY_MACS_PER_FLOP = 64
_FLOAT_BITS = 32
# What the paper's rule counts as 1 bit, whatever the weights are.
_CELL_ROLES = ("preprocess", "op")


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


@frozen(kw_only=True)
class CostReport:
    """What a network costs.

    Attributes:
        model: The published network's name, or ``custom``.
        rule: Counting rule of the last four numbers.
        input_size: Side of the images in pixels.
        params: Learnable parameters of the specification, before pruning.
        binary_params: Those of them that are 1-bit weights.
        binary_macs: Binary MACs for one image, before pruning.
        real_macs: Real MACs for one image, before pruning.
        flops: real MACs + binary MACs / 64, as the rule counts them.
        memory_bytes: Bytes of all parameters, as the rule counts them.
        memory_saving: Bytes of the float counterpart over `memory_bytes`.
        speed_up: MACs of the float counterpart over `flops`; theoretical, not measured.
        layers: Every layer with parameters, before pruning.
    """

    model: str
    rule: Rule
    input_size: int
    params: int
    binary_params: int
    binary_macs: int
    real_macs: int
    flops: float
    memory_bytes: int
    memory_saving: float
    speed_up: float
    layers: tuple[LayerCost, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, without the layers, ready for JSON."""
        return attrs.asdict(self, filter=lambda attribute, _: attribute.name != "layers")

    @property
    def real_layers(self) -> tuple[LayerCost, ...]:
        """Convolutions and linear layers that are not 1 bit.

        References:
            Supplement, Section 6: networks with such layers are "not fully binary".
        """
        return tuple(layer for layer in self.layers if layer.macs and not layer.is_binary)


def cost(spec: NetworkSpec, input_size: int | None = None, rule: Rule = "paper") -> CostReport:
    """Return what `spec` costs for one image.

    Args:
        spec: The network.
        input_size: Side of the square image in pixels; default: the template's, 32 or 224.
        rule: ``"paper"`` or ``"deployed"``.

    Raises:
        SpecError: An unknown rule.
        GraphError: The network cannot take images of this size.

    References:
        Supplement of ECCV 2020 BNAS, Section 4, Tables 3 and 4.
    """
    if rule not in get_args(Rule):
        raise SpecError(
            f"`rule` must be one of {get_args(Rule)} (got {rule!r})", field="rule", value=rule
        )
    size = spec.input_size if input_size is None else input_size
    layers = _layers(spec.lower(), size)
    binary_macs = sum(layer.macs for layer in layers if layer.is_binary)
    real_macs = sum(layer.macs for layer in layers if not layer.is_binary)
    count = _paper if rule == "paper" else _deployed
    flops, memory_bits, float_macs, float_params = count(spec, size, layers)
    return CostReport(
        model=next((name for name, known in SPECS.items() if known == spec), "custom"),
        rule=rule,
        input_size=size,
        params=sum(layer.params for layer in layers),
        binary_params=sum(layer.params for layer in layers if layer.is_binary),
        binary_macs=binary_macs,
        real_macs=real_macs,
        flops=flops,
        memory_bytes=-(-memory_bits // 8),
        memory_saving=float_params * _FLOAT_BITS / memory_bits,
        speed_up=float_macs / flops,
        layers=layers,
    )


def _layers(graph: Graph, input_size: int) -> tuple[LayerCost, ...]:
    shapes = graph.shapes(input_size)
    return tuple(_layer(node, shapes[node.name]) for node in graph if node.has_parameters)


def _layer(node: nodes.Node, shape: nodes.Shape) -> LayerCost:
    macs, weight_bits = 0, _FLOAT_BITS
    match node:
        case nodes.Conv():
            params = node.weight_count + (node.out_channels if node.bias else 0)
            macs = node.weight_count * shape[1] * shape[2]
            weight_bits = 1 if isinstance(node, nodes.BinaryConv) else _FLOAT_BITS
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


def _flops(layers: tuple[LayerCost, ...]) -> float:
    return sum(
        layer.macs / BINARY_MACS_PER_FLOP if layer.is_binary else layer.macs for layer in layers
    )


def _without_skip_convs(layers: tuple[LayerCost, ...]) -> tuple[LayerCost, ...]:
    return tuple(layer for layer in layers if not (layer.role == "skip" and layer.macs))


def _paper(
    spec: NetworkSpec, size: int, layers: tuple[LayerCost, ...]
) -> tuple[float, int, int, int]:
    """Return FLOPs, bits, and the MACs and parameters of the float counterpart."""
    layers = _without_skip_convs(layers)
    memory_bits = sum(
        # Layers without MACs are batch norms and RPReLUs: one bit for each of their parameters.
        layer.params * (_FLOAT_BITS if layer.macs and layer.role not in _CELL_ROLES else 1)
        for layer in layers
    )
    flops = sum(
        layer.macs / (BINARY_MACS_PER_FLOP if layer.role in _CELL_ROLES else 1) for layer in layers
    )
    has_zeroise = any(op == "none" for op, _ in spec.genotype.normal + spec.genotype.reduce)
    counterpart = attrs.evolve(spec, genotype=genotypes["bnas-imagenet"]) if has_zeroise else spec
    float_layers = _without_skip_convs(_layers(counterpart.lower(), size))
    return (
        flops,
        memory_bits,
        sum(layer.macs for layer in float_layers),
        sum(layer.params for layer in float_layers),
    )


def _deployed(
    spec: NetworkSpec, size: int, layers: tuple[LayerCost, ...]
) -> tuple[float, int, int, int]:
    """Return FLOPs, bits, and the MACs and parameters of the float counterpart."""
    graph = prune(spec.lower())
    readers = graph.consumers()
    memory_bits = sum(_stored_bits(node, readers[node.name]) for node in graph)
    return (
        _flops(_layers(graph, size)),
        memory_bits,
        sum(layer.macs for layer in layers),
        sum(layer.params for layer in layers),
    )


def _stored_bits(node: nodes.Node, readers: tuple[nodes.Node, ...]) -> int:
    """Return the bits that a packed network holds for one node, read by `readers`."""
    match node:
        case nodes.BinaryConv():
            return node.weight_count + node.out_channels * _FLOAT_BITS
        case nodes.Conv():
            return (node.weight_count + (node.out_channels if node.bias else 0)) * _FLOAT_BITS
        case nodes.Linear():
            return (node.in_features + 1) * node.out_features * _FLOAT_BITS
        case nodes.RPReLU():
            return 3 * node.channels * _FLOAT_BITS
        case nodes.BatchNorm():
            if readers and all(isinstance(reader, nodes.Sign) for reader in readers):
                return node.channels * (_FLOAT_BITS + 1)  # one threshold and one direction
            return 2 * node.channels * _FLOAT_BITS
    return 0
