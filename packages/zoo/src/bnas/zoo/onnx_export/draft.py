"""`Draft`: an ONNX graph while it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field
from onnx import NodeProto, TensorProto, helper, numpy_helper

#: Names of the model's input and output.
IMAGES, LOGITS = "images", "logits"


@define
class Draft:
    """Operators and constants so far; every value has a name of its own.

    Attributes:
        operators: In order of computation.
        constants: Initializers; equal ones are kept once.
    """

    operators: list[NodeProto] = field(factory=list)
    constants: list[TensorProto] = field(factory=list)
    _constant_names: dict[tuple[str, tuple[int, ...], bytes], str] = field(factory=dict)
    _taken: set[str] = field(factory=lambda: {IMAGES, LOGITS})

    def add(self, kind: str, inputs: Sequence[str], name: str, **attributes: object) -> str:
        """Append an operator and return the name of its value.

        Args:
            kind: ONNX's name of the operator.
            inputs: Names of values and constants.
            name: What to call it; changed if it is taken.
            **attributes: Those of the operator.
        """
        return self._append(kind, inputs, self._free(name), attributes)

    def put_out(self, kind: str, inputs: Sequence[str], **attributes: object) -> str:
        """Append the operator whose value is the logits, and return their name."""
        return self._append(kind, inputs, LOGITS, attributes)

    def constant(self, values: np.ndarray | np.generic, name: str) -> str:
        """Return the name of a constant with these values.

        Args:
            values: float32, float16, uint8 or int64, of any shape.
            name: What to call it, if there is no equal one.
        """
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._constant_names:
            own = self._constant_names[key] = self._free(name)
            # A view may be transposed: the file takes memory as it lies.
            self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), own))
        return self._constant_names[key]

    def _append(
        self, kind: str, inputs: Sequence[str], name: str, attributes: Mapping[str, Any]
    ) -> str:
        self.operators.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name
