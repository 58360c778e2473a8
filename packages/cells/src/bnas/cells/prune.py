"""`prune`: the same function with less work.

Zeroise is propagated, equal values are merged, dead code goes. Exact for every input and every
parameter: no rule depends on trained values.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from attrs import define, field, frozen

from bnas.cells import nodes
from bnas.cells.graph import Graph


@frozen
class _Zeros:
    """A value that is 0 everywhere.

    Attributes:
        node: The node that computes it.
        channels: How many it has.
        stride: Its size is that of the images divided by this, rounded up; None where it is not.
    """

    node: nodes.Node
    channels: int
    stride: int | None


_Known = str | _Zeros


@define
class _Pruner:
    source: Graph
    channels: dict[str, int]
    strides: dict[str, int | None] = field(factory=dict)
    known: dict[str, _Known] = field(factory=dict)
    kept: list[nodes.Node] = field(factory=list)
    merged: dict[object, str] = field(factory=dict)

    def run(self) -> Graph:
        for node in self.source:
            self._measure(node)
            self.known[node.name] = self._simplify(node)
        output = self._materialise(self.known[self.source.output])
        taps = {
            label: self._materialise(self.known[name]) for label, name in self.source.taps.items()
        }
        return Graph(nodes=tuple(self.kept), output=output, taps=taps).live()

    def _measure(self, node: nodes.Node) -> None:
        """Note by how much the size of the images was divided, where that tells the size."""
        # What a node adds or concatenates has one size: knowing it of one input is enough.
        known = [self.strides[name] for name in node.inputs if self.strides[name] is not None]
        stride = known[0] if known else None if node.inputs else 1
        divisor = node.size_divisor()
        self.strides[node.name] = stride * divisor if stride and divisor else None

    def _simplify(self, node: nodes.Node) -> _Known:
        values = [self.known[name] for name in node.inputs]
        zeros = _Zeros(node, self.channels[node.name], self.strides[node.name])
        live = [value for value in values if isinstance(value, str)]
        match node:
            case nodes.Identity():
                return values[0]
            case nodes.Zero():
                return zeros
            case nodes.Add():
                if len(live) < 2:
                    return live[0] if live else zeros
                return self._keep(node, live)
            case nodes.Concat():
                if len(values) == 1 or not live:
                    return values[0] if live else zeros
            case nodes.ReLU() | nodes.MaxPool() | nodes.AvgPool() | nodes.GlobalAvgPool():
                if not live:
                    return zeros
            case nodes.Conv():
                if not live and not node.bias:
                    return zeros
        return self._keep(node, values)

    def _materialise(self, value: _Known) -> str:
        """Return the node of a value; zeros get one that reads the images, for their size alone."""
        if isinstance(value, str):
            return value
        if value.stride is None:
            return self._keep(value.node, [self.known[name] for name in value.node.inputs])
        zero = nodes.Zero(
            name=f"zero.{value.channels}x{value.stride}",
            inputs=(self.source.input.name,),
            channels=value.channels,
            stride=value.stride,
        )
        return self._keep(zero, [self.source.input.name])

    def _keep(self, node: nodes.Node, values: Sequence[_Known]) -> str:
        """Append `node`, or find the equal one that is already there."""
        inputs = tuple(self._materialise(value) for value in values)
        kept = node.renamed(inputs)
        function: object = (type(kept), attrs.evolve(kept, name="", cell="", role="op"))
        if node.has_parameters or isinstance(node, nodes.Input):
            function = kept.name  # equal to itself only, which several readers may ask for
        if function not in self.merged:
            self.kept.append(kept)
            self.merged[function] = kept.name
        return self.merged[function]


def prune(graph: Graph) -> Graph:
    """Return a graph of the same function without work that Zeroise makes needless.

    Zeros propagate through additions, poolings, ReLUs and convolutions without bias; additions of
    zeros vanish; equal values (same operation, same inputs, no parameters) are computed once; what
    the output does not depend on is dropped. Slots of a concatenation that are zero stay, as `Zero`
    nodes that read nothing but the size of the input, so that a reader can leave those channels of
    the residual stream untouched. A batch norm of zeros stays: it is a constant other than 0.

    A tap of a stage on which the output does not depend is dropped.

    Args:
        graph: Any graph.
    """
    once = _Pruner(graph, graph.channels).run()
    # Zeros come before their first reader, which may be dead. Over live nodes alone, it is not.
    return _Pruner(once, once.channels).run()


def zero_channels(graph: Graph) -> dict[str, tuple[bool, ...]]:
    """Return, for every value of a network, which of its channels are 0 whatever the parameters.

    In a network of cells with Zeroise these are the zero slots of the first stage's residual
    stream: cell 0 has no skip connection, so nothing ever writes them.

    Args:
        graph: A graph, pruned or not.
    """
    channels = graph.channels
    zeros: dict[str, tuple[bool, ...]] = {}
    for node in graph:
        inputs = [zeros[name] for name in node.inputs]
        known = (False,) * channels[node.name]
        match node:
            case nodes.Zero():
                known = (True,) * node.channels
            case nodes.Add():
                known = tuple(all(summands) for summands in zip(*inputs, strict=True))
            case nodes.Concat():
                known = sum(inputs, ())
            case nodes.Conv():
                known = _filters_of_zeros(node, inputs[0])
            case (
                nodes.ReLU()
                | nodes.MaxPool()
                | nodes.AvgPool()
                | nodes.GlobalAvgPool()
                | nodes.Identity()
            ):
                known = inputs[0]
        zeros[node.name] = known
    return zeros


def _filters_of_zeros(conv: nodes.Conv, inputs: tuple[bool, ...]) -> tuple[bool, ...]:
    """Return which filters put out zeros: those whose whole group of channels is 0."""
    width = conv.in_channels // conv.groups
    read = [all(inputs[first : first + width]) for first in range(0, conv.in_channels, width)]
    filters = conv.out_channels // conv.groups
    return tuple(is_zero and not conv.bias for is_zero in read for _ in range(filters))
