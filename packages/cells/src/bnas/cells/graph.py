"""`Graph`: one network as typed nodes in the order in which they are computed."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

import attrs
from attrs import field, frozen

from bnas.cells.errors import GraphError, UnknownNameError
from bnas.cells.nodes import Input, Node, Shape


def _as_tuple(listed: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(listed)


def _as_dict(taps: Mapping[str, str]) -> dict[str, str]:
    return dict(taps)


@frozen
class Graph:
    """A network. Costing, drawing, training and packing all read this and nothing else.

    Attributes:
        nodes: Topologically ordered; the first is the only `Input`.
        output: Name of the node whose value is the logits.
        taps: Label of a stage (``stem``, ``cell_00``, …) -> name of the node that it puts out.

    Raises:
        GraphError: A name occurs twice, or a node reads a value that is not defined before it.
    """

    nodes: tuple[Node, ...] = field(converter=_as_tuple)
    output: str
    taps: Mapping[str, str] = field(factory=dict, converter=_as_dict)
    _by_name: dict[str, Node] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        """Validate, and index the nodes by name."""
        by_name: dict[str, Node] = {}
        for node in self.nodes:
            if node.name in by_name:
                raise GraphError(
                    f"node names must be unique (got {node.name!r} twice)", node=node.name
                )
            missing = [name for name in node.inputs if name not in by_name]
            if missing:
                raise GraphError(
                    f"`{node.name}` reads {missing}, not defined before it", node=node.name
                )
            by_name[node.name] = node
        if not self.nodes or not isinstance(self.nodes[0], Input):
            raise GraphError("the first node of a graph must be its Input")
        if sum(isinstance(node, Input) for node in self.nodes) != 1:
            raise GraphError("a graph must have exactly one Input")
        for label, name in {"output": self.output, **self.taps}.items():
            if name not in by_name:
                raise GraphError(
                    f"`{label}` names {name!r}, which is no node of the graph", node=name
                )
        object.__setattr__(self, "_by_name", by_name)

    def __getitem__(self, name: str) -> Node:
        """Return the node called `name`.

        Raises:
            UnknownNameError: No node has this name; the nearest ones are listed.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownNameError("node", name, self._by_name) from None

    def __iter__(self) -> Iterator[Node]:
        """Iterate over the nodes in order of computation."""
        return iter(self.nodes)

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.nodes)

    @property
    def input(self) -> Input:
        """The node that stands for the images."""
        node = self.nodes[0]
        assert isinstance(node, Input)
        return node

    def shapes(self, input_size: int | tuple[int, int]) -> dict[str, Shape]:
        """Return the (channels, height, width) of every value for images of `input_size` pixels.

        Args:
            input_size: Height and width; one number for square images.

        Raises:
            GraphError: The network cannot take images of this size; the node at fault is named.
        """
        sides = input_size if isinstance(input_size, tuple) else (input_size, input_size)
        if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
            raise GraphError(
                f"`input_size` must be one or two integers >= 1, in pixels (got {input_size!r})"
            )
        shapes: dict[str, Shape] = {self.input.name: (self.input.channels, *sides)}
        for node in self.nodes[1:]:
            shapes[node.name] = node.infer(tuple(shapes[name] for name in node.inputs))
        return shapes

    @functools.cached_property
    def channels(self) -> dict[str, int]:
        """Channels of every value."""
        channels: dict[str, int] = {}
        for node in self.nodes:
            channels[node.name] = node.count_channels(tuple(channels[name] for name in node.inputs))
        return channels

    def consumers(self) -> dict[str, tuple[Node, ...]]:
        """Return, for every value, the nodes that read it, in order."""
        readers: dict[str, list[Node]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                readers[name].append(node)
        return {name: tuple(nodes) for name, nodes in readers.items()}

    def live(self) -> Graph:
        """Return the graph without the nodes that the output does not depend on."""
        needed = {self.output, self.input.name}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        return attrs.evolve(
            self,
            nodes=tuple(node for node in self.nodes if node.name in needed),
            taps={label: name for label, name in self.taps.items() if name in needed},
        )
