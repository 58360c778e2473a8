"""What is wanted of every value of a graph: floats, bits for each reader, or both.

A binary convolution wants bits; the batch norm and sign before it become a comparison at the value
that they read. Max pooling commutes with that comparison, so bits pass through it.
"""

from __future__ import annotations

import numpy as np
from attrs import define, field

from bnas.cells import Graph, nodes
from bnas.zoo.parameters import Parameters
from bnas.zoo.program.thresholds import Affine


@define
class Demand:
    """What is wanted of one value.

    Attributes:
        is_float: The value itself.
        bits: Name of the bits -> the map whose sign they are.
    """

    is_float: bool = False
    bits: dict[str, Affine] = field(factory=dict)

    @property
    def is_any(self) -> bool:
        """Whether anything is wanted."""
        return self.is_float or bool(self.bits)


def before_pooling(bits: str) -> str:
    """Return the name of the bits from which max pooling makes `bits`."""
    return f"{bits}.unpooled"


def is_count_function(
    graph: Graph, parameters: Parameters, node: nodes.Node, demand: Demand
) -> bool:
    """Whether all that is wanted of a value can be made from the counts of a binary convolution.

    So it is with the convolution itself, and a ReLU or a batch norm of it; with RPReLU where no
    bits are wanted, or no slope is negative (a map that is not monotone has no single threshold).
    """
    match node:
        case nodes.BinaryConv():
            return True
        case nodes.ReLU() | nodes.BatchNorm():
            return isinstance(graph[node.inputs[0]], nodes.BinaryConv)
        case nodes.RPReLU():
            is_monotone = bool(np.all(parameters.real(f"{node.name}.slope") >= 0))
            from_conv = isinstance(graph[node.inputs[0]], nodes.BinaryConv)
            return from_conv and (is_monotone or not demand.bits)
    return False


def find_demands(graph: Graph, parameters: Parameters) -> dict[str, Demand]:
    """Return the demand on every value; what is never computed has none.

    Args:
        graph: A pruned graph.
        parameters: Its parameters.
    """
    demands = {node.name: Demand() for node in graph}
    for name in (graph.output, *graph.taps.values()):
        demands[name].is_float = True
    for node in reversed(graph.nodes):
        if demands[node.name].is_any:
            _pass_on(graph, parameters, node, demands)
    return demands


def _pass_on(
    graph: Graph, parameters: Parameters, node: nodes.Node, demands: dict[str, Demand]
) -> None:
    """Demand of the inputs of `node` what its own demand needs."""
    demand = demands[node.name]
    match node:
        case nodes.Input():
            pass
        case nodes.Sign():
            value, affine = _signed_value(graph, parameters, node)
            demands[value].bits[node.name] = affine
        case nodes.MaxPool() if not demand.is_float:
            for name, affine in demand.bits.items():
                demands[node.inputs[0]].bits[before_pooling(name)] = affine
        case _ if is_count_function(graph, parameters, node, demand):
            conv = node if isinstance(node, nodes.BinaryConv) else graph[node.inputs[0]]
            demands[conv.inputs[0]].bits[conv.inputs[0]] = Affine.identity(
                graph.channels[conv.inputs[0]]
            )
        case _:
            _want_floats(node, demands)


def _want_floats(node: nodes.Node, demands: dict[str, Demand]) -> None:
    demands[node.name].is_float = True
    for name in node.inputs:
        demands[name].is_float = True


def _signed_value(graph: Graph, parameters: Parameters, node: nodes.Sign) -> tuple[str, Affine]:
    """Return the value whose comparison the sign is, batch norm folded in."""
    source = graph[node.inputs[0]]
    if isinstance(source, nodes.BatchNorm):
        return source.inputs[0], parameters.affine(source)
    return source.name, Affine.identity(graph.channels[source.name])
