"""`ModelFiles`: one packed network in the file format of every runtime, made when asked for."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bnas.tools.bench.child import environment, last_line
from bnas.tools.bench.errors import ContenderError

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork


class ModelFiles:
    """The files of one network, for one size of batch, so that converters know all shapes.

    Each property is a path; `ContenderError` tells why a file cannot be made.

    Args:
        network: The packed network.
        input_shape: (N, 3, H, W) of the images.
        folder: Where the files go; empty.
    """

    def __init__(self, network: PackedNetwork, input_shape: tuple[int, ...], folder: Path) -> None:
        self.input_shape = input_shape
        self._network, self._folder = network, folder

    @functools.cached_property
    def packed(self) -> str:
        """The weights file of the zoo."""
        path = self._folder / "network.safetensors"
        self._network.save(path)
        return str(path)

    @functools.cached_property
    def onnx(self) -> str:
        """ONNX in float32."""
        return self._convert(self.packed, "onnx", "network.onnx")

    @functools.cached_property
    def onnx_int8(self) -> str:
        """ONNX quantised by onnxruntime."""
        return self._convert(self.onnx, "onnx-int8", "network.int8.onnx")

    @functools.cached_property
    def openvino_int8(self) -> str:
        """OpenVINO's format, quantised by nncf."""
        return self._convert(self.onnx, "openvino-int8", "network.int8.xml")

    def _convert(self, source: str, kind: str, result: str) -> str:
        """Make a file from `source`, which is there already, and return its path."""
        sizes = ",".join(map(str, self.input_shape))
        done = subprocess.run(
            [sys.executable, "-m", "bnas.tools.bench.converters", kind, str(self._folder), sizes],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment(),
        )
        path = self._folder / result
        if done.returncode or not path.exists():
            raise ContenderError(
                f"{kind} cannot be made of {Path(source).name} ({last_line(done.stderr)})"
            )
        return str(path)
