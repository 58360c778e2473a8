"""`Writer`: operators of ONNX for the nodes of a network's graph.

What decides bits is written so that every runtime takes those of the packed program. Counts are
convolutions of ±1, exact in any order and precision. Between them and their scale stands a ReLU, or
a Clip that changes nothing: onnxruntime multiplies a scale right behind a convolution into its
weights, and a count of 0 is then a sum of rounded numbers, of either sign. That costs 2 % of the
time of BNAS-A. A batch norm and a sign are one comparison with the threshold at which the float32
expression itself changes its sign; ONNX's Sign is 0 at 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import define, field

from bnas.cells import Graph, nodes
from bnas.zoo.errors import ExportError
from bnas.zoo.onnx_export.draft import IMAGES, LOGITS, Draft
from bnas.zoo.onnx_export.weights import Weights
from bnas.zoo.program.thresholds import Affine, float_cut


@define
class Writer:
    """Writes a graph node by node.

    Attributes:
        graph: The pruned graph.
        shapes: Value -> (C, H, W), for the size of the images.
        weights: Writes constants, to the same draft.
        draft: Where operators go.
    """

    graph: Graph
    shapes: Mapping[str, nodes.Shape]
    weights: Weights
    draft: Draft
    _values: dict[str, str] = field(init=False)
    _readers: dict[str, tuple[nodes.Node, ...]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with the images."""
        self._values = {self.graph.input.name: IMAGES}
        self._readers = self.graph.consumers()

    def write(self) -> None:
        """Write all nodes; the last value is the logits, float32 (N, classes).

        Raises:
            ExportError: A node that has no form in ONNX.
        """
        for node in self.graph.nodes[1:]:
            if not self._is_part_of_its_readers(node):
                inputs = [self._values[name] for name in node.inputs if name in self._values]
                self._values[node.name] = self._write(node, inputs)
        if self._values[self.graph.output] != LOGITS:
            self.draft.put_out("Flatten", [self._values[self.graph.output]], axis=1)

    def _write(self, node: nodes.Node, inputs: list[str]) -> str:
        match node:
            case nodes.Sign():
                return self._sign(node)
            case nodes.BinaryConv():
                return self._scaled(node, node.name, self._clipped(node, inputs))
            case nodes.ReLU():
                return self._relu(node, inputs)
            case nodes.Conv():
                tensors = [self.weights.real(f"{node.name}.weight")]
                tensors += [self.weights.real(f"{node.name}.bias")] if node.bias else []
                return self._conv(node, [*inputs, *tensors], node.name)
            case nodes.BatchNorm():
                affine = self.weights.parameters.affine(node)
                product = self._with_constant("Mul", inputs[0], affine.multiplier, node, "product")
                return self._with_constant("Add", product, affine.offset, node)
            case nodes.RPReLU():
                return self._rprelu(node, inputs[0])
            case nodes.MaxPool():
                dilations = [node.dilation] * 2
                return self.draft.add(
                    "MaxPool", inputs, node.name, **_window(node), dilations=dilations
                )
            case nodes.AvgPool() if node.dilation == 1:
                # Only what is inside the image counts.
                return self.draft.add(
                    "AveragePool", inputs, node.name, **_window(node), count_include_pad=0
                )
            case nodes.Add():
                return self._sum(node, inputs)
            case nodes.Concat():
                return self.draft.add("Concat", inputs, node.name, axis=1)
            case nodes.Identity():
                return inputs[0]
            case nodes.Zero():
                return self._zeros(node)
            case nodes.GlobalAvgPool():
                return self.draft.add("GlobalAveragePool", inputs, node.name)
            case nodes.Linear():
                return self._linear(node, inputs[0])
        raise ExportError(f"`{node.name}`: {type(node).__name__} has no form in ONNX 17")

    def _is_part_of_its_readers(self, node: nodes.Node) -> bool:
        """Return whether nobody asks for the value itself: those who do write it their own way."""
        readers = self._readers[node.name]
        if node.name == self.graph.output or not readers:
            return False
        if isinstance(node, nodes.BinaryConv):
            return len(readers) == 1 and isinstance(readers[0], nodes.ReLU)
        return isinstance(node, nodes.BatchNorm) and all(
            isinstance(reader, nodes.Sign) for reader in readers
        )

    def _sign(self, node: nodes.Sign) -> str:
        source = self.graph[node.inputs[0]]
        if source.name in self._values:
            value, affine = source.name, Affine.identity(self.graph.channels[source.name])
        else:
            assert isinstance(source, nodes.BatchNorm)
            value, affine = source.inputs[0], self.weights.parameters.affine(source)
        cut = float_cut(affine).finite
        compared = (self._values[value], cut.threshold, node, "is_at_least")
        is_high = self._with_constant("GreaterOrEqual", *compared)
        high, low = self._directions(cut.flip, node)
        return self.draft.add("Where", [is_high, high, low], node.name)

    def _directions(self, flip: np.ndarray, node: nodes.Sign) -> tuple[str, str]:
        """Return what values at or above the threshold become, and those below it."""
        if not flip.any():
            one = np.float32(1)
            return self.draft.constant(one, "plus"), self.draft.constant(-one, "minus")
        high = np.where(flip, -1, 1)
        return (
            self.weights.per_channel(high, f"{node.name}/above"),
            self.weights.per_channel(-high, f"{node.name}/below"),
        )

    def _counts(self, node: nodes.BinaryConv, inputs: list[str]) -> str:
        return self._conv(node, [*inputs, self.weights.signs(node)], f"{node.name}/counts")

    def _clipped(self, node: nodes.BinaryConv, inputs: list[str]) -> str:
        """Return the counts, clipped to the range that they have anyhow."""
        largest = np.float32(node.weight_count // node.out_channels)
        ends = [self.draft.constant(end, f"count_{end:.0f}") for end in (-largest, largest)]
        return self.draft.add("Clip", [self._counts(node, inputs), *ends], f"{node.name}/clipped")

    def _scaled(self, node: nodes.BinaryConv, name: str, counts: str) -> str:
        scale = self.weights.parameters.real(f"{node.name}.weight_scale")
        return self.draft.add(
            "Mul", [counts, self.weights.per_channel(scale, f"{node.name}.weight_scale")], name
        )

    def _relu(self, node: nodes.ReLU, inputs: list[str]) -> str:
        if inputs:
            return self.draft.add("Relu", inputs, node.name)
        conv = self.graph[node.inputs[0]]
        assert isinstance(conv, nodes.BinaryConv)
        counts = self._counts(conv, [self._values[name] for name in conv.inputs])
        positive = self.draft.add("Relu", [counts], f"{node.name}/counts")
        return self._scaled(conv, node.name, positive)  # scales are >= 0: the same value

    def _conv(self, node: nodes.Conv, inputs: list[str], name: str) -> str:
        attributes = {**_window(node), "dilations": [node.dilation] * 2, "group": node.groups}
        return self.draft.add("Conv", inputs, name, **attributes)

    def _rprelu(self, node: nodes.RPReLU, value: str) -> str:
        shift_in, slope, shift_out = (
            self.weights.parameters.real(f"{node.name}.{part}")
            for part in ("shift_in", "slope", "shift_out")
        )
        shifted = self._with_constant("Sub", value, shift_in, node, "shifted")
        bent = self._with_constant("PRelu", shifted, slope, node, "bent")
        return self._with_constant("Add", bent, shift_out, node)

    def _sum(self, node: nodes.Add, inputs: list[str]) -> str:
        total, *rest, last = inputs
        for value in rest:
            total = self.draft.add("Add", [total, value], f"{node.name}/part")
        return self.draft.add("Add", [total, last], node.name)

    def _zeros(self, node: nodes.Zero) -> str:
        batch = self.draft.add("Shape", [IMAGES], f"{node.name}/batch", start=0, end=1)
        sizes = self.weights.integers(*self.shapes[node.name])
        shape = self.draft.add("Concat", [batch, sizes], f"{node.name}/shape", axis=0)
        return self.draft.add("ConstantOfShape", [shape], node.name)

    def _linear(self, node: nodes.Linear, value: str) -> str:
        features = self.draft.add("Flatten", [value], f"{node.name}/features", axis=1)
        tensors = [self.weights.real(f"{node.name}.{part}") for part in ("weight", "bias")]
        if node.name == self.graph.output and not self._readers[node.name]:
            return self.draft.put_out("Gemm", [features, *tensors], transB=1)
        product = self.draft.add("Gemm", [features, *tensors], f"{node.name}/product", transB=1)
        return self.draft.add("Unsqueeze", [product, self.weights.integers(2, 3)], node.name)

    def _with_constant(
        self, kind: str, value: str, constant: np.ndarray, node: nodes.Node, part: str = ""
    ) -> str:
        """Append an operator of a value and a constant a channel."""
        name = f"{node.name}/{part}" if part else node.name
        table = self.weights.per_channel(constant, f"{name}/{kind.lower()}")
        return self.draft.add(kind, [value, table], name)


def _window(node: Any) -> dict[str, list[int]]:
    return {
        "kernel_shape": [node.kernel] * 2,
        "strides": [node.stride] * 2,
        "pads": [node.padding] * 4,
    }
