"""A packed network as an ONNX model, for other runtimes: `onnx_model`.

The network's graph, operator by operator; signs are comparisons with the packed program's own
thresholds, and binary weights stay one bit each in the file.
"""

from bnas.zoo.errors import MissingExtraError

try:
    import onnx  # noqa: F401  # Told here, where whoever asks for ONNX begins.
except ImportError as _error:
    raise MissingExtraError("ONNX models", "onnx") from _error

from bnas.zoo.onnx_export.model import OPSET, OnnxModel, onnx_model

__all__ = ["OPSET", "OnnxModel", "onnx_model"]
