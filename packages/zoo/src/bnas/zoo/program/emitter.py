"""`emit`: from a pruned graph and its parameters to the steps of a program."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define, field, frozen

from bnas.binops import tape
from bnas.cells import Graph, GraphError, nodes
from bnas.zoo.parameters import Parameters
from bnas.zoo.program import steps
from bnas.zoo.program.absorption import absorb
from bnas.zoo.program.constants import skip_zeros
from bnas.zoo.program.demands import Demand, before_pooling, find_demands, is_count_function
from bnas.zoo.program.fusion import fuse_packs
from bnas.zoo.program.layout import Layout
from bnas.zoo.program.steps import Place
from bnas.zoo.program.thresholds import Affine, Cut, float_cut, integer_cut, rprelu


@frozen
class Emitted:
    """The steps of a program.

    Attributes:
        steps: In order of execution.
        output: Where the logits are after the last step.
        taps: Label -> place, and the number of steps after which it holds the tapped value.
        shapes: Value or bits -> (C, H, W).
    """

    steps: tuple[steps.Step, ...]
    output: Place
    taps: dict[str, tuple[Place, int]]
    shapes: dict[str, nodes.Shape]


def emit(graph: Graph, parameters: Parameters, input_size: tuple[int, int]) -> Emitted:
    """Compile `graph` for images of `input_size` (height, width).

    Raises:
        GraphError: The network cannot take images of this size.
    """
    return _Emitter(graph, parameters, graph.shapes(input_size)).run()


@define
class _Emitter:
    graph: Graph
    parameters: Parameters
    shapes: dict[str, nodes.Shape]
    demands: dict[str, Demand] = field(init=False)
    folded: dict[str, str] = field(init=False)
    layout: Layout = field(init=False)
    consumers: dict[str, tuple[nodes.Node, ...]] = field(init=False)
    taps: dict[str, tuple[Place, int]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.consumers = self.graph.consumers()
        self.demands = find_demands(self.graph, self.parameters)
        self.folded = self._find_folded_norms()
        self.layout = Layout(self.graph, self.demands, self._float_readers())

    def run(self) -> Emitted:
        for node in self.graph:
            if isinstance(node, nodes.BinaryConv):
                self._binary_conv(node)
            elif not self.demands[node.name].is_any:
                continue
            elif isinstance(node, nodes.Sign):
                # Its own bits are there by now; others may be wanted of its values, ±1.
                if self.demands[node.name].is_float or set(self.demands[node.name].bits) - {
                    node.name
                }:
                    self._unpack(node)
            elif not self._is_from_counts(node) and node.name not in self.folded:
                self._float_value(node)
        observed = {place.buffer for place, _ in self.taps.values()}
        joined, ends = absorb(self.layout.steps, observed)
        fused, reached = fuse_packs(skip_zeros(joined))
        taps = {label: (place, reached[ends[n]]) for label, (place, n) in self.taps.items()}
        return Emitted(fused, self.layout.places[self.graph.output], taps, self.shapes)

    # What is read as floats, after folding

    def _find_folded_norms(self) -> dict[str, str]:
        """Map batch norms that vanish into a real convolution to the value that stands for them."""
        folded: dict[str, str] = {}
        for node in self.graph:
            if not isinstance(node, nodes.BatchNorm) or not self.demands[node.name].is_float:
                continue
            if self._is_from_counts(node):
                continue
            source = self.graph[node.inputs[0]]
            readers = self.consumers[node.name]
            is_observed = node.name in (self.graph.output, *self.graph.taps.values())
            if len(readers) == 1 and not is_observed and _is_real_conv(readers[0], padded=False):
                folded[node.name] = source.name
        return folded

    def _float_readers(self) -> dict[str, list[str]]:
        readers: dict[str, list[str]] = {node.name: [] for node in self.graph}
        for node in self.graph:
            if node.name in self.folded or not self._reads_floats(node):
                continue
            for name in node.inputs:
                readers[self.folded.get(name, name)].append(node.name)
        return readers

    def _reads_floats(self, node: nodes.Node) -> bool:
        if isinstance(node, nodes.Sign | nodes.Zero) or self._is_from_counts(node):
            return False
        return self.demands[node.name].is_float

    def _is_from_counts(self, node: nodes.Node) -> bool:
        return is_count_function(self.graph, self.parameters, node, self.demands[node.name])

    # Binary convolutions

    def _binary_conv(self, conv: nodes.BinaryConv) -> None:
        functions: list[nodes.Node] = [conv]
        functions += [
            node
            for node in self.consumers[conv.name]
            if self.demands[node.name].is_any and self._is_from_counts(node)
        ]
        scale = self.parameters.real(f"{conv.name}.weight_scale")
        bits: list[steps.Bits] = []
        floats: list[steps.Floats] = []
        own: list[tuple[nodes.Node, Place]] = []
        for function in functions:
            for name, affine in self.demands[function.name].bits.items():
                bits.append(
                    steps.Bits(target=name, cut=self._threshold(conv, function, affine, scale))
                )
            if self.demands[function.name].is_float:
                direct = self.layout.direct_target(function.name)
                place, adds = direct or (self.layout.fresh(function.name), False)
                floats.append(self._floats(function, scale, place, adds))
                if direct is None:
                    own.append((function, place))
        self.layout.steps.append(
            steps.BinaryConv(
                source=conv.inputs[0],
                geometry=self._geometry(conv),
                weight=self.parameters.bits(conv.name).data,
                bits=tuple(bits),
                floats=tuple(floats),
            )
        )
        for function, place in own:
            self._complete(function, place, with_bits=False)

    def _floats(
        self, function: nodes.Node, scale: np.ndarray, place: Place, adds: bool
    ) -> steps.Floats:
        """Return the epilogue that makes the floats of a function of counts."""
        activation: str = "none"
        parameters: tuple[np.ndarray, ...] = ()
        match function:
            case nodes.ReLU():
                activation = "relu"
            case nodes.RPReLU():
                activation, parameters = "rprelu", self._rprelu_parameters(function)
            case nodes.BatchNorm():
                affine = self.parameters.affine(function)
                activation, parameters = "affine", (affine.multiplier, affine.offset)
        return steps.Floats(
            target=place, scale=scale, activation=activation, parameters=parameters, adds=adds
        )

    def _geometry(self, conv: nodes.BinaryConv) -> tape.ConvGeometry:
        geometry = tape.conv_geometry(
            self.shapes[conv.inputs[0]],
            (conv.out_channels, conv.in_channels // conv.groups, conv.kernel, conv.kernel),
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
        )
        if geometry.dot_length > tape.MAX_DOT_LENGTH:
            raise GraphError(
                f"`{conv.name}` must sum at most {tape.MAX_DOT_LENGTH:,} signs (got "
                f"{geometry.dot_length:,})",
                node=conv.name,
            )
        return geometry

    def _threshold(
        self, conv: nodes.BinaryConv, function: nodes.Node, affine: Affine, scale: np.ndarray
    ) -> Cut:
        """Return the comparison of counts that equals the sign of the mapped function of them."""

        def bits(counts: np.ndarray) -> np.ndarray:
            values = counts.astype(np.float32) * scale
            if isinstance(function, nodes.ReLU):
                values = np.maximum(values, np.float32(0))
            elif isinstance(function, nodes.RPReLU):
                values = rprelu(values, *self._rprelu_parameters(function))
            elif isinstance(function, nodes.BatchNorm):
                norm = self.parameters.affine(function)
                values = values * norm.multiplier + norm.offset
            return affine.bits(values)

        largest = conv.in_channels // conv.groups * conv.kernel**2
        return integer_cut(bits, conv.out_channels, largest)

    def _rprelu_parameters(self, node: nodes.RPReLU) -> tuple[np.ndarray, ...]:
        parts = ("shift_in", "slope", "shift_out")
        return tuple(self.parameters.real(f"{node.name}.{part}") for part in parts)

    def _unpack(self, node: nodes.Sign) -> None:
        place = self.layout.fresh(node.name)
        self.layout.steps.append(steps.Unpack(source=node.name, writes=(place,)))
        self._complete(node, place)

    # Everything else

    def _float_value(self, node: nodes.Node) -> None:
        """Emit the step of a value that is not made from counts, and what follows from it."""
        demand = self.demands[node.name]
        if isinstance(node, nodes.Input):
            place = self.layout.fresh(node.name)
            self.layout.steps.append(steps.Load(writes=(place,)))
            self._complete(node, place)
        elif isinstance(node, nodes.MaxPool) and not demand.is_float:
            self._pool_bits(node, demand)
        elif node.name in self.layout.joins:
            self._complete(node, self.layout.finish(node))
        elif isinstance(node, nodes.Add | nodes.Concat):
            pass  # dissolved into the sum that reads it
        elif isinstance(node, nodes.Zero):
            self._zeros(node)
        else:
            sources = tuple(
                self.layout.reading(node, self.folded.get(name, name)) for name in node.inputs
            )
            place = self.layout.fresh(node.name)
            self.layout.steps.append(self._float_step(node, sources, place))
            self._complete(node, place)

    def _zeros(self, node: nodes.Zero) -> None:
        """Emit zeros, unless sums and concatenations are all that read them: these know."""
        only_joins = set(self.layout.readers[node.name]) <= set(self.layout.joins)
        is_observed = node.name in (self.graph.output, *self.graph.taps.values())
        if only_joins and not self.demands[node.name].bits and not is_observed:
            return
        place = self.layout.fresh(node.name)
        self.layout.steps.append(steps.Fill(writes=(place,)))
        self._complete(node, place)

    def _complete(self, node: nodes.Node, place: Place, with_bits: bool = True) -> None:
        """Note that a value is complete at `place`; pack its bits while it is unchanged."""
        self.layout.places[node.name] = place
        if with_bits:
            for name, affine in self.demands[node.name].bits.items():
                if name == node.name:
                    continue  # a sign, whose bits were packed from what it reads
                self.layout.steps.append(
                    steps.Pack(source=place, target=name, cut=float_cut(affine))
                )
        for label, tapped in self.graph.taps.items():
            if tapped == node.name:
                self.taps[label] = (place, len(self.layout.steps))

    def _pool_bits(self, node: nodes.MaxPool, demand: Demand) -> None:
        for name, affine in demand.bits.items():
            self.shapes[before_pooling(name)] = self.shapes[node.inputs[0]]
            self.layout.steps.append(
                steps.PoolBits(
                    source=before_pooling(name),
                    target=name,
                    window=_window(node),
                    falls=affine.multiplier < 0,
                )
            )

    def _float_step(
        self, node: nodes.Node, reads: tuple[Place, ...], place: Place
    ) -> steps.FloatStep:
        places = {"reads": reads, "writes": (place,)}
        match node:
            case nodes.Conv():
                return self._real_conv(node, places)
            case nodes.BatchNorm():
                return steps.Scale(affine=self.parameters.affine(node), **places)
            case nodes.ReLU():
                return steps.ReLU(**places)
            case nodes.RPReLU():
                shift_in, slope, shift_out = self._rprelu_parameters(node)
                return steps.RPReLU(shift_in=shift_in, slope=slope, shift_out=shift_out, **places)
            case nodes.MaxPool():
                return steps.MaxPool(window=_window(node), **places)
            case nodes.AvgPool():
                return steps.AvgPool(window=_window(node), **places)
            case nodes.GlobalAvgPool():
                return steps.GlobalAvgPool(**places)
            case nodes.Linear():
                weight, bias = (
                    self.parameters.real(f"{node.name}.{part}") for part in ("weight", "bias")
                )
                return steps.Linear(weight=weight, bias=bias, **places)
        raise TypeError(f"`{node.name}`: no step for {type(node).__name__}")

    def _real_conv(self, node: nodes.Conv, places: dict[str, Any]) -> steps.RealConv:
        weight = self.parameters.real(f"{node.name}.weight")
        bias = self.parameters.real(f"{node.name}.bias") if node.bias else None
        input_scale = None
        if node.inputs[0] in self.folded:
            norm = self.graph[node.inputs[0]]
            assert isinstance(norm, nodes.BatchNorm)
            affine = self.parameters.affine(norm)
            input_scale, bias = affine.multiplier, _bias_with(affine, weight, bias, node.groups)
        length = weight[0].size
        return steps.RealConv(
            weight=np.ascontiguousarray(weight.reshape(node.groups, -1, length)),
            bias=bias,
            window=_window(node),
            input_scale=input_scale,
            **places,
        )


def _is_real_conv(node: nodes.Node, *, padded: bool) -> bool:
    is_real = isinstance(node, nodes.Conv) and not isinstance(node, nodes.BinaryConv)
    return is_real and (node.padding > 0) == padded  # type: ignore[attr-defined]


def _bias_with(
    affine: Affine, weight: np.ndarray, bias: np.ndarray | None, groups: int
) -> np.ndarray:
    """Return the bias of a convolution that applies the map to its input first.

    Exact but for rounding; only without padding, whose zeros the map would change.
    """
    per_group = weight.reshape(groups, -1, *weight.shape[1:])
    offset = affine.offset.reshape(groups, -1)
    constant = np.einsum("goikl,gi->go", per_group, offset, dtype=np.float64).reshape(-1)
    total: np.ndarray = constant if bias is None else constant + bias
    return total.astype(np.float32)


def _window(node: nodes.Conv | nodes.MaxPool | nodes.AvgPool) -> tape.Window:
    return tape.Window(node.kernel, node.stride, node.padding, node.dilation)
