"""Where float values live: which share a buffer, and which sum into one in place.

A sum or concatenation owns a buffer, or takes over that of a summand nobody else still needs (the
residual stream of a cell network is one buffer that every cell adds to). Producers that can write
straight into their slot of it do so; the rest is copied or added when the sum is reached.
"""

from __future__ import annotations

from attrs import define, field, frozen

from bnas.cells import Graph, nodes
from bnas.zoo.program.demands import Demand
from bnas.zoo.program.steps import AddTo, Copy, Fill, Place, Step


@frozen
class Slot:
    """A summand's part of a `Join`: channels `start` to `stop`."""

    value: str
    start: int
    stop: int


@define
class Join:
    """A sum or concatenation whose parts arrive one by one.

    Attributes:
        name: The node that it computes.
        slots: Parts that are each a range of channels; all channels for a plain sum.
        whole: Values of all channels added to the slots: the other summands of a sum of a
            concatenation.
        place: Where the result lies, once opened.
        filled: Whether the place holds values that slots must be added to.
        arrived: Indices of slots, and names of `whole`, that are in.
    """

    name: str
    slots: tuple[Slot, ...]
    whole: tuple[str, ...]
    place: Place | None = None
    filled: bool = False
    arrived: set[int | str] = field(factory=set)


@define
class Layout:
    """Decides the places of float values while a program is emitted in graph order.

    Attributes:
        graph: The pruned graph.
        demands: What is wanted of every value.
        readers: Value -> nodes that read it as floats, once for each reading, not yet emitted.
        places: Value -> where it lies, for values that are complete.
        steps: The program so far; joins append to it.
    """

    graph: Graph
    demands: dict[str, Demand]
    readers: dict[str, list[str]]
    places: dict[str, Place] = field(factory=dict)
    steps: list[Step] = field(factory=list)
    joins: dict[str, Join] = field(factory=dict)
    channels: dict[str, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.channels = self.graph.channels
        for node in self.graph:
            if isinstance(node, nodes.Add | nodes.Concat) and self.demands[node.name].is_float:
                self._add_join(node)

    def fresh(self, name: str) -> Place:
        """Return a buffer of its own for the value `name`."""
        return Place(name, 0, self.channels[name])

    def direct_target(self, name: str) -> tuple[Place, bool] | None:
        """Return where the only reader of `name` wants it and whether to add, if it is a join."""
        readers = self.readers[name]
        if len(readers) != 1 or readers[0] not in self.joins or self._is_observed(name):
            return None
        join = self.joins[readers[0]]
        index = next((i for i, slot in enumerate(join.slots) if slot.value == name), None)
        if index is None:
            return None
        slot = join.slots[index]
        place = self._open(join)
        adds = join.filled or any(
            other in join.arrived
            for other, part in enumerate(join.slots)
            if (part.start, part.stop) == (slot.start, slot.stop)
        )
        join.arrived.add(index)
        self._done(name, join.name)
        return Place(place.buffer, place.start + slot.start, place.start + slot.stop), adds

    def finish(self, node: nodes.Node) -> Place:
        """Bring the parts of a join that are not in yet, and return its place."""
        join = self.joins[node.name]
        place = self._open(join)
        stored = {(part.start, part.stop) for i, part in enumerate(join.slots) if i in join.arrived}
        for index, slot in enumerate(join.slots):
            if index in join.arrived:
                continue
            target = Place(place.buffer, place.start + slot.start, place.start + slot.stop)
            self._bring(slot.value, target, join.filled or (slot.start, slot.stop) in stored)
            stored.add((slot.start, slot.stop))
            self._done(slot.value, join.name)
        for value in join.whole:
            if value not in join.arrived:
                self._bring(value, place, True)
                self._done(value, join.name)
        return place

    def reading(self, node: nodes.Node, name: str) -> Place:
        """Return where `node` reads the value `name`, and note that it has."""
        self._done(name, node.name)
        return self.places[name]

    def _add_join(self, node: nodes.Add | nodes.Concat) -> None:
        parts = node.inputs
        if isinstance(node, nodes.Concat):
            self.joins[node.name] = Join(node.name, self._slots(parts), ())
            return
        for position in (0, 1):
            concat = self.joins.get(parts[position])
            is_own = concat is not None and isinstance(self.graph[concat.name], nodes.Concat)
            if is_own and self.readers[parts[position]] == [node.name]:
                if self._is_observed(parts[position]):
                    continue
                # The concatenation dissolves: its parts are added to the other summands.
                self._dissolve(self.joins.pop(parts[position]), node, position)
                return
        width = self.channels[node.name]
        self.joins[node.name] = Join(node.name, tuple(Slot(name, 0, width) for name in parts), ())

    def _dissolve(self, concat: Join, node: nodes.Add, position: int) -> None:
        whole = node.inputs[:position] + node.inputs[position + 1 :]
        self.readers[concat.name] = []
        for slot in concat.slots:
            self.readers[slot.value] = [
                node.name if reader == concat.name else reader
                for reader in self.readers[slot.value]
            ]
        self.joins[node.name] = Join(node.name, concat.slots, whole)

    def _slots(self, parts: tuple[str, ...]) -> tuple[Slot, ...]:
        slots, start = [], 0
        for name in parts:
            stop = start + self.channels[name]
            slots.append(Slot(name, start, stop))
            start = stop
        return tuple(slots)

    def _open(self, join: Join) -> Place:
        """Give the join its place: that of a summand that it takes over, or a fresh one."""
        if join.place is not None:
            return join.place
        width = self.channels[join.name]
        candidates: list[tuple[int | str, str]] = [(name, name) for name in join.whole[:1]]
        if not join.whole:
            candidates = [
                (index, slot.value)
                for index, slot in enumerate(join.slots[:2])
                if slot.stop - slot.start == width
            ]
        for key, value in candidates:
            if value in self.places and not isinstance(self.graph[value], nodes.Zero):
                join.place = self._take_over(join, value)
                join.arrived.add(key)
                join.filled = True
                self._done(value, join.name)
                return join.place
        join.place = Place(join.name, 0, width)
        for index, slot in enumerate(join.slots):
            if isinstance(self.graph[slot.value], nodes.Zero):
                self._bring(slot.value, Place(join.name, slot.start, slot.stop), False)
                join.arrived.add(index)
                self._done(slot.value, join.name)
        return join.place

    def _take_over(self, join: Join, value: str) -> Place:
        is_last = self.readers[value] == [join.name]
        is_input = value == self.graph.input.name
        if is_last and not is_input:
            return self.places[value]
        place = Place(join.name, 0, self.channels[join.name])
        self.steps.append(Copy(reads=(self.places[value],), writes=(place,)))
        return place

    def _bring(self, value: str, target: Place, adds: bool) -> None:
        if isinstance(self.graph[value], nodes.Zero):
            if not adds:
                self.steps.append(Fill(writes=(target,)))
            return
        source = self.places[value]
        if adds:
            self.steps.append(AddTo(reads=(source, target), writes=(target,)))
        else:
            self.steps.append(Copy(reads=(source,), writes=(target,)))

    def _is_observed(self, name: str) -> bool:
        """Whether a value must exist by itself: an output or a tap."""
        return name in (self.graph.output, *self.graph.taps.values())

    def _done(self, value: str, reader: str) -> None:
        self.readers[value].remove(reader)
