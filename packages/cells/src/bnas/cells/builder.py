"""`Builder`: collects the nodes of a graph, of a specification or of a network of one's own."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import define, field, frozen

from bnas.cells import nodes
from bnas.cells.graph import Graph
from bnas.cells.nodes import AvgPool, Conv, MaxPool, Node, Role


@frozen
class Value:
    """A value during lowering.

    Attributes:
        name: Its node.
        channels: How many it has.
        halvings: How often the size of the images was halved.
    """

    name: str
    channels: int
    halvings: int


@frozen
class Window:
    """Geometry of a square convolution or pooling window.

    Attributes:
        kernel: Side in pixels.
        stride: In pixels.
        padding: Pixels on every side.
        dilation: Distance of two taps in pixels.
        groups: Groups of channels of a convolution; a pooling has none.
    """

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1


@define
class Builder:
    """Collects nodes; `cell` and `role` are stamped on what is added.

    Attributes:
        nodes: What was added, in order.
        taps: Label of a stage -> name of the node that it puts out.
        cell: Stage that nodes are added to.
        role: Part of the network that nodes are added to.
    """

    nodes: list[Node] = field(factory=list)
    taps: dict[str, str] = field(factory=dict)
    cell: str = ""
    role: Role = "stem"

    def add(self, kind: type[Node], name: str, *inputs: str, **fields: Any) -> str:
        """Append a node and return its name."""
        self.nodes.append(kind(name=name, inputs=inputs, cell=self.cell, role=self.role, **fields))
        return name

    def images(self) -> Value:
        """Append the input: images of three colours."""
        return Value(self.add(nodes.Input, "input", channels=3), 3, 0)

    def batch_norm(self, name: str, value: Value, affine: bool = True) -> Value:
        """Append batch normalisation."""
        channels = value.channels
        self.add(nodes.BatchNorm, name, value.name, channels=channels, affine=affine)
        return attrs.evolve(value, name=name)

    def sign(self, name: str, value: Value) -> Value:
        """Append a sign."""
        return attrs.evolve(value, name=self.add(nodes.Sign, name, value.name))

    def conv(
        self,
        kind: type[Conv],
        name: str,
        value: Value,
        channels: int,
        window: Window,
        bias: bool = False,
    ) -> Value:
        """Append a real or a binary convolution to `channels` channels."""
        self.add(
            kind,
            name,
            value.name,
            in_channels=value.channels,
            out_channels=channels,
            bias=bias,
            **attrs.asdict(window),
        )
        return Value(name, channels, value.halvings + window.stride - 1)

    def activate(self, name: str, value: Value, activation: str) -> Value:
        """Append a ``"relu"`` or an ``"rprelu"``; ``"none"`` appends nothing."""
        if activation == "none":
            return value
        if activation == "rprelu":
            self.add(nodes.RPReLU, name, value.name, channels=value.channels)
        else:
            self.add(nodes.ReLU, name, value.name)
        return attrs.evolve(value, name=name)

    def pool(self, kind: type[MaxPool | AvgPool], name: str, value: Value, window: Window) -> Value:
        """Append a pooling."""
        geometry = attrs.asdict(window, filter=lambda field, _: field.name != "groups")
        self.add(kind, name, value.name, **geometry)
        return Value(name, value.channels, value.halvings + window.stride - 1)

    def add_up(self, name: str, value: Value, *others: Value) -> Value:
        """Append the sum of values of one shape."""
        summands = (value.name, *(other.name for other in others))
        return attrs.evolve(value, name=self.add(nodes.Add, name, *summands))

    def classify(self, pool: str, name: str, value: Value, num_classes: int) -> str:
        """Append a global average called `pool` and a linear layer; return the latter's name."""
        self.cell, self.role = "classifier", "classifier"
        pooled = self.add(nodes.GlobalAvgPool, pool, value.name)
        return self.add(
            nodes.Linear, name, pooled, in_features=value.channels, out_features=num_classes
        )

    def finish(self, output: str) -> Graph:
        """Return the graph whose logits are the value of the node `output`."""
        return Graph(nodes=tuple(self.nodes), output=output, taps=self.taps)
