"""`onnx_model`: a packed network as an ONNX model."""

from __future__ import annotations

import os

import onnx
from attrs import frozen
from onnx import ModelProto, TensorProto, helper

from bnas.cells import GraphError
from bnas.zoo.atomic_file import write_atomically
from bnas.zoo.errors import ExportError
from bnas.zoo.export_facts import facts_of
from bnas.zoo.network import PackedNetwork
from bnas.zoo.onnx_export.draft import IMAGES, LOGITS, Draft
from bnas.zoo.onnx_export.weights import Weights
from bnas.zoo.onnx_export.writer import Writer

#: The oldest version of ONNX's operators that has all of ours.
OPSET = 17
#: The files' version of its time.
IR_VERSION = 8


@frozen
class OnnxModel:
    """An ONNX model: images, float32 (N, 3, H, W) for any N -> logits, float32 (N, classes).

    Attributes:
        proto: The model.
        input_size: Height and width of the images, pixels.
    """

    proto: ModelProto
    input_size: tuple[int, int]

    def to_bytes(self) -> bytes:
        """Return the content of a file; equal networks give equal bytes."""
        content: bytes = self.proto.SerializeToString(deterministic=True)
        return content

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the file, whole or not at all; return its size in bytes.

        Raises:
            SaveError: The file cannot be written; what was there before is intact.
        """
        content = self.to_bytes()
        write_atomically(path, content)
        return len(content)


def onnx_model(
    network: PackedNetwork,
    *,
    input_size: int | None = None,
    sha256: str | None = None,
    plain_weights: bool = False,
) -> OnnxModel:
    """Write a packed network as ONNX: its graph, with the thresholds of the packed program.

    Metadata state names of classes, normalisation, licence and what else is known
    (`bnas.zoo.export_facts`).

    Args:
        network: The network.
        input_size: Side of the images in pixels; None takes what the network was trained with.
        sha256: SHA-256 of the weights file, told in the model; None takes the card's, if any.
        plain_weights: Write float32 weights for tools that compute no constants; 1-bit weights
            take 32 times as much then.

    Raises:
        ExportError: Images of this size do not fit, or the network has no form in ONNX.
    """
    side = network.preprocessing.size if input_size is None else input_size
    graph = network.parameters.graph
    try:
        shapes = graph.shapes(side)
    except GraphError as error:
        raise ExportError(
            f"`input_size` must fit the network (got {side} pixels): {error}", input_size=side
        ) from error
    draft = Draft()
    Writer(graph, shapes, Weights(draft, network.parameters, plain_weights), draft).write()
    facts = facts_of(network, sha256)
    # "N" is a name, so that the batch may be of any size.
    images: tuple[str, list[str | int]] = (IMAGES, ["N", *shapes[graph.input.name]])
    logits: tuple[str, list[str | int]] = (LOGITS, ["N", network.spec.num_classes])
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (images, logits)]
    proto = helper.make_model(
        helper.make_graph(
            draft.operators, facts["model"], values[:1], values[1:], initializer=draft.constants
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="bnas-zoo",
        doc_string="A binary neural network; its images are normalised as its metadata state.",
    )
    helper.set_model_props(proto, facts)
    onnx.checker.check_model(proto)
    return OnnxModel(proto, (side, side))
