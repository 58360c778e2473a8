"""A model file in OpenVINO as a contender."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino

from bnas.tools.bench.jobs import Subject


def make(*, inputs: list[Any], threads: int, model: str) -> Subject:
    """Return a compiled model.

    Args:
        inputs: Images, float32 (N, 3, H, W) each.
        threads: For inference.
        model: An ONNX file, or OpenVINO's own.
    """
    return subject(openvino.Core().read_model(model), inputs, threads)


def subject(model: openvino.Model, inputs: list[Any], threads: int, parts: int = 1) -> Subject:
    """Return a model of one input and one output, compiled for low latency in float32.

    What is not int8 stays float32: bfloat16, OpenVINO's own choice on some CPUs, is another
    function (docs/adr/0006).

    Args:
        model: Of static shapes.
        inputs: float32 arrays; changed to tensors that share their memory in place.
        threads: For inference.
        parts: How many equal parts a call has.
    """
    compiled = openvino.Core().compile_model(
        model,
        "CPU",
        {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        },
    )
    request = compiled.create_infer_request()
    arrays = list(inputs)
    for index, array in enumerate(arrays):
        inputs[index] = openvino.Tensor(array, shared_memory=True)
    return Subject(call=_inference(request, arrays), inputs=inputs, output=np.array, parts=parts)


def _inference(request: openvino.InferRequest, arrays: list[Any]) -> Callable[[Any], Any]:
    def call(tensor: Any) -> Any:
        assert arrays  # the tensors share these arrays' memory, so they live as long as the call
        request.set_input_tensor(tensor)
        request.infer()
        return request.get_output_tensor().data

    return call
