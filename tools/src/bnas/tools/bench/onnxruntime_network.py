"""An ONNX file in onnxruntime as a contender."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from bnas.tools.bench.jobs import Subject


def make(*, inputs: list[Any], threads: int, model: str) -> Subject:
    """Return a session with all optimisations.

    Args:
        inputs: Images, float32 (N, 3, H, W) each.
        threads: Inside an operator; operators run one after the other.
        model: The ONNX file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return Subject(
        call=lambda images: session.run(None, {name: images})[0], inputs=inputs, output=np.asarray
    )
