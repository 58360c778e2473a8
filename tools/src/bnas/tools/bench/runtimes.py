"""The runtimes that a network can be timed on, and what each needs."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from bnas.tools.bench.device_time import rotating
from bnas.tools.bench.errors import ArgumentError
from bnas.tools.bench.jobs import Job

if TYPE_CHECKING:
    from bnas.tools.bench.model_files import ModelFiles

_PACKAGE = "bnas.tools.bench"


@frozen
class Runtime:
    """A way to run a network.

    Attributes:
        name: On the command line and in records.
        title: For readers.
        module: Of this package, with the factory ``make``.
        arguments: Arguments of the factory, of the network's files.
        loads: What the contender's process imports before memory is counted.
        needs: Modules that must be installed to make the files and to run them.
        device: What it computes on.
    """

    name: str
    title: str
    module: str
    arguments: Callable[[ModelFiles], dict[str, Any]]
    loads: tuple[str, ...]
    needs: tuple[str, ...] = field(default=())
    device: str = "cpu"

    def missing(self) -> tuple[str, ...]:
        """Return the modules that are not installed."""
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)

    def job(self, files: ModelFiles, threads: int) -> Job:
        """Return what a contender's process makes; the files it needs are made now."""
        more: dict[str, Any] = {}
        if self.device == "cuda":
            more["inputs"] = rotating(4 * math.prod(files.input_shape))
        return Job(
            factory=f"{_PACKAGE}.{self.module}:make",
            arguments=self.arguments(files),
            input_shape=files.input_shape,
            threads=threads,
            device=self.device,
            **more,
            modules=(*self.loads, f"{_PACKAGE}.{self.module}"),
        )


_RUNTIMES = (
    Runtime(
        "packed",
        "packed bits, this toolkit",
        "packed_network",
        lambda files: {"weights": files.packed},
        # What `from bnas import zoo` loads, no more: whatever follows, Numba's own too, counts.
        loads=(),
    ),
    Runtime(
        "torch",
        "torch, eager float32",
        "torch_network",
        lambda files: {"weights": files.packed, "compiled": False},
        loads=("torch", "bnas.zoo.torch_bridge"),
        needs=("torch",),
    ),
    Runtime(
        "torch-compile",
        "torch.compile, frozen float32",
        "torch_network",
        lambda files: {"weights": files.packed, "compiled": True},
        loads=("torch", "bnas.zoo.torch_bridge", "torch._inductor.compile_fx"),
        needs=("torch",),
    ),
    Runtime(
        "onnxruntime",
        "onnxruntime, float32",
        "onnxruntime_network",
        lambda files: {"model": files.onnx},
        loads=(),
        needs=("torch", "onnx", "onnxruntime"),
    ),
    Runtime(
        "onnxruntime-int8",
        "onnxruntime, int8",
        "onnxruntime_network",
        lambda files: {"model": files.onnx_int8},
        loads=(),
        needs=("torch", "onnx", "onnxruntime"),
    ),
    Runtime(
        "openvino",
        "OpenVINO, float32",
        "openvino_network",
        lambda files: {"model": files.onnx},
        loads=(),
        needs=("torch", "onnx", "openvino"),
    ),
    Runtime(
        "openvino-int8",
        "OpenVINO, int8 by nncf",
        "openvino_network",
        lambda files: {"model": files.openvino_int8},
        loads=(),
        needs=("torch", "onnx", "openvino", "nncf"),
    ),
    Runtime(
        "openvino-binary",
        "OpenVINO, 1 bit, built by hand",
        "openvino_binary",
        lambda files: {"weights": files.packed},
        loads=("bnas.zoo",),
        needs=("openvino",),
    ),
)
RUNTIMES: dict[str, Runtime] = {runtime.name: runtime for runtime in _RUNTIMES}


def _torch_bfloat16(name: str, title: str, mode: str) -> Runtime:
    return Runtime(
        name,
        f"torch on the GPU, bfloat16 channels_last, {title}",
        "torch_cuda_network",
        lambda files: {"weights": files.packed, "mode": mode},
        loads=("torch", "bnas.zoo.torch_bridge"),
        needs=("torch",),
        device="cuda",
    )


_CUDA_RUNTIMES = (
    Runtime(
        "packed",
        "packed bits on the GPU, this toolkit, one CUDA graph",
        "packed_cuda_network",
        lambda files: {"weights": files.packed},
        loads=("numba.cuda",),
        needs=("numba_cuda",),
        device="cuda",
    ),
    _torch_bfloat16("torch-bf16", "eager", "eager"),
    _torch_bfloat16("torch-compile-bf16", "torch.compile max-autotune", "max-autotune"),
    _torch_bfloat16("torch-overhead-bf16", "torch.compile reduce-overhead", "reduce-overhead"),
)
#: Device -> its runtimes by name.
ON_DEVICE: dict[str, dict[str, Runtime]] = {
    "cpu": RUNTIMES,
    "cuda": {runtime.name: runtime for runtime in _CUDA_RUNTIMES},
}
#: How to get whatever a runtime lacks.
REMEDY = "pip install 'bnas-tools[bench]'"
CUDA_REMEDY = "pip install 'bnas-tools[cuda]'"


def read_runtimes(names: Sequence[str], device: str = "cpu") -> list[Runtime]:
    """Return the runtimes of these names on a device, each once.

    Raises:
        ArgumentError: No runtime there has a name; all are listed.
    """
    known = ON_DEVICE[device]
    unknown = [name for name in names if name not in known]
    if unknown:
        where = "" if device == "cpu" else f" on {device}"
        raise ArgumentError(
            f"`runtimes`{where} must be among {', '.join(known)} (got {unknown[0]!r})"
        )
    return [known[name] for name in dict.fromkeys(names)]
