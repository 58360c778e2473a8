"""From a packed network to the file formats of other runtimes; run as a process of its own.

    python -m bnas.tools.bench.converters onnx FOLDER 1,3,32,32

The folder holds ``network.safetensors``. Converters and quantisers write to stdout, keep threads
and memory, and may end their process: none of this is to happen to whoever asks for the file.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

#: The oldest version of ONNX's operators that has all of ours at their best.
_OPSET = 17
#: Images at least that int8 ranges are measured on, of the distribution that is timed.
_CALIBRATION_IMAGES = 16

Shape = tuple[int, ...]


def to_onnx(folder: Path, shape: Shape) -> None:
    """Write ONNX, float32, by torch's older exporter, which needs nothing beside onnx."""
    import onnx
    import torch

    from bnas import zoo
    from bnas.tools.bench.materialized import materialize

    path = folder / "network.onnx"
    module = materialize(zoo.load_file(folder / "network.safetensors"), shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter
        torch.onnx.export(
            module,
            (torch.zeros(shape),),
            path,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["images"],
            output_names=["logits"],
        )
    onnx.checker.check_model(path)


def to_onnx_int8(folder: Path, shape: Shape) -> None:
    """Quantise ONNX by onnxruntime: QDQ, static ranges, weights per channel.

    Convolutions and linear layers only. To quantise the rest too is slower (BNAS-Mini: 2.4 against
    1.8 ms), and what comes out is no longer the network: logits of 6 were off by 10.
    """
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = folder / "network.prepared.onnx"
    quant_pre_process(folder / "network.onnx", prepared)
    quantization.quantize_static(
        prepared,
        folder / "network.int8.onnx",
        _Calibration(calibration_images(shape)),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def to_openvino_int8(folder: Path, shape: Shape) -> None:
    """Quantise ONNX by nncf, with its own choice of layers, into OpenVINO's format."""
    os.environ.setdefault("NNCF_CI", "1")  # else nncf reports to its makers over the network
    import nncf
    import openvino

    model = openvino.Core().read_model(folder / "network.onnx")
    images = calibration_images(shape)
    quantized = nncf.quantize(
        model,
        nncf.Dataset(images),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
    )
    openvino.save_model(quantized, folder / "network.int8.xml", compress_to_fp16=False)


def calibration_images(shape: Shape) -> list[np.ndarray]:
    """Return batches of random images, float32 (N, 3, H, W), 16 images or more together."""
    source = np.random.default_rng(1)
    batches = -(-_CALIBRATION_IMAGES // shape[0])
    return [source.standard_normal(shape, np.float32) for _ in range(batches)]


class _Calibration:
    """Images one by one, as onnxruntime asks for them."""

    def __init__(self, images: list[np.ndarray]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next images, None after the last."""
        images = next(self._images, None)
        return None if images is None else {"images": images}


CONVERTERS: dict[str, Callable[[Path, Shape], None]] = {
    "onnx": to_onnx,
    "onnx-int8": to_onnx_int8,
    "openvino-int8": to_openvino_int8,
}


def main() -> None:
    """Convert as the command line says."""
    kind, place, sizes = sys.argv[1:]
    CONVERTERS[kind](Path(place), tuple(int(size) for size in sizes.split(",")))


if __name__ == "__main__":
    main()
