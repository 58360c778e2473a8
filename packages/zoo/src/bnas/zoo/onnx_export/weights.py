"""`Weights`: the numbers of a packed network as constants of ONNX, as small as they are packed.

ONNX 17 has no type of one bit. A byte of eight signs is looked up in a table of 256 rows instead:
operators on constants alone, which onnxruntime, OpenVINO and their like compute once, when they
load the model. BNAS-A takes 2.5 MB so, 6.5 MB with a byte a sign and 22 MB in float32; onnxruntime
loads it in 40 ms instead of 28 and then runs the same kernels on the same float32 weights.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from onnx import TensorProto

from bnas import binops
from bnas.cells import nodes
from bnas.zoo.onnx_export.draft import Draft
from bnas.zoo.parameters import Parameters


@frozen
class Weights:
    """Writes tensors to a draft.

    Attributes:
        draft: The draft.
        parameters: The network's numbers.
        plain: Write float32 constants, for tools that compute no constants.
    """

    draft: Draft
    parameters: Parameters
    plain: bool

    def real(self, name: str) -> str:
        """Return the float32 value of a real tensor, kept in float16 if it is packed so."""
        tensor = self.parameters.tensors[name]
        if self.plain or tensor.dtype == np.float32:
            return self.draft.constant(self.parameters.real(name), name)
        half = self.draft.constant(tensor, f"{name}/float16")
        return self.draft.add("Cast", [half], name, to=TensorProto.FLOAT)

    def signs(self, node: nodes.BinaryConv) -> str:
        """Return the weights of a binary convolution, float32 (O, I / groups, K, K) in ±1."""
        name, bits = f"{node.name}.weight", self.parameters.bits(node.name)
        if self.plain:
            return self.draft.constant(binops.unpack(bits).astype(np.float32), name)
        packed = self.draft.constant(bits.data, f"{name}/bits")
        rows = self.draft.add("Cast", [packed], f"{name}/rows", to=TensorProto.INT32)
        # (O, B, K, K) bytes -> (O, B, K, K, 8) signs -> (O, 8 B, K, K), of which I / groups are.
        octets = self.draft.add("Gather", [self._table(), rows], f"{name}/octets", axis=0)
        order = (0, 1, 4, 2, 3)
        turned = self.draft.add("Transpose", [octets], f"{name}/turned", perm=order)
        outputs, octet_count, height, width = bits.data.shape
        whole = self.integers(outputs, 8 * octet_count, height, width)
        if bits.length == 8 * octet_count:
            return self.draft.add("Reshape", [turned, whole], name)
        filled = self.draft.add("Reshape", [turned, whole], f"{name}/filled")
        ends = (self.integers(0), self.integers(bits.length), self.integers(1))
        return self.draft.add("Slice", [filled, *ends], name)

    def per_channel(self, values: np.ndarray, name: str) -> str:
        """Return a constant, float32 (C, 1, 1), of values (C,)."""
        return self.draft.constant(values.astype(np.float32)[:, None, None], name)

    def integers(self, *values: int) -> str:
        """Return a constant of int64: a shape, axes, or the ends of a slice."""
        name = "integers_" + "_".join(map(str, values))
        return self.draft.constant(np.array(values, np.int64), name)

    def _table(self) -> str:
        """Return the signs of every byte, float32 (256, 8): the bit convention, once, as data."""
        every = binops.BitTensor(np.arange(256, dtype=np.uint8)[:, None], axis=1, length=8)
        return self.draft.constant(binops.unpack(every).astype(np.float32), "signs_of_bytes")
