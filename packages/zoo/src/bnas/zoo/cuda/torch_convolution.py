"""Real convolutions by torch and cuDNN, in float32, on memory that is not torch's.

torch is used where the program has loaded it and it has CUDA; nothing here imports it otherwise.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda

from bnas.binops.cuda.conv_outputs import FloatPlace
from bnas.binops.cuda.graph import Queued
from bnas.binops.cuda.pooling_kernels import PoolSizes


def is_usable() -> bool:
    """Whether torch is loaded, and finds a GPU."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_available())


def _current() -> Any:
    """The GPU that Numba uses now, as torch names it."""
    return sys.modules["torch"].device("cuda", cuda.get_current_device().id)


@contextlib.contextmanager
def _queueing(device: Any, stream: Any) -> Iterator[None]:
    """Let torch queue on a stream of Numba's, 0 for the default one."""
    torch = sys.modules["torch"]
    handle = int(stream.handle) if stream else 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.cuda.device(device))
        if torch.cuda.current_stream().cuda_stream != handle:
            known = torch.cuda.ExternalStream(handle) if handle else torch.cuda.default_stream()
            stack.enter_context(torch.cuda.stream(known))
        yield


@contextlib.contextmanager
def _whole_float32() -> Iterator[None]:
    """Keep cuDNN from rounding the operands of convolutions to TF32.

    torch has an older and a newer switch for it, and refuses to be asked by both.
    """
    cudnn = sys.modules["torch"].backends.cudnn
    newer = getattr(cudnn, "conv", None)
    if newer is None:
        with cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            yield
        return
    before, newer.fp32_precision = newer.fp32_precision, "ieee"
    try:
        yield
    finally:
        newer.fp32_precision = before


def _memory(floats: Any) -> Any:
    """View a device array as torch's."""
    return sys.modules["torch"].as_tensor(floats, device=_current())


class TorchConvolution:
    """A convolution, its weights in torch's memory.

    Args:
        weight: float32 (groups, O / groups, I / groups * K * K).
        bias: float32 (O,), or None.
        window: Kernel, stride, padding and dilation.
        is_relu: Set what is not positive to 0.
    """

    def __init__(
        self,
        weight: np.ndarray,
        bias: np.ndarray | None,
        window: tuple[int, int, int, int],
        is_relu: bool,
    ) -> None:
        """Copy the weights."""
        torch = sys.modules["torch"]
        kernel, stride, padding, dilation = window
        groups, outputs, length = weight.shape
        by_channel = weight.reshape(groups * outputs, length // kernel**2, kernel, kernel)
        device = _current()
        self._weight = torch.from_numpy(np.array(by_channel)).to(device)
        self._weight = self._weight.to(memory_format=torch.channels_last)
        self._bias = None if bias is None else torch.from_numpy(np.array(bias)).to(device)
        self._options = {
            "stride": stride, "padding": padding, "dilation": dilation, "groups": groups
        }  # fmt: skip
        self._inputs = groups * (length // kernel**2)
        self._is_relu = is_relu

    def bind(self, floats: Any, source: FloatPlace, target: FloatPlace, sizes: PoolSizes) -> Queued:
        """Return the launch; for the arguments see `RealConvolution.bind`."""
        torch = sys.modules["torch"]
        memory = _memory(floats)
        read = _view(memory, source, (sizes.images, self._inputs, *sizes.size))
        written = _view(memory, target, (sizes.images, len(self._weight), *sizes.out_size))

        def queue(stream: Any = 0) -> None:
            with (
                _queueing(memory.device, stream),
                torch.no_grad(),
                _whole_float32(),
            ):
                result = torch.nn.functional.conv2d(read, self._weight, self._bias, **self._options)
                if self._is_relu:
                    result.relu_()
                written.copy_(result)

        return queue


def _view(memory: Any, place: FloatPlace, shape: tuple[int, int, int, int]) -> Any:
    """View a place as (N, C, H, W), its channels innermost."""
    _, _, height, width = shape
    steps = (height * width * place.channels, 1, width * place.channels, place.channels)
    return memory.as_strided(shape, steps, place.at + place.first)


def capture(queue: Queued) -> Queued:
    """Record launches, some of them torch's, as a CUDA graph: as `bnas.binops.cuda.graph.capture`.

    torch records, since what its convolutions allocate must stay theirs as long as the graph lives.

    Args:
        queue: Queues launches on the stream of Numba's that it is given; all have run before.
    """
    torch = sys.modules["torch"]
    device = _current()
    with torch.cuda.device(device), cuda.defer_cleanup():
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="relaxed"):
            queue(cuda.external_stream(stream.cuda_stream))

    def replay(stream: Any = 0) -> None:
        with _queueing(device, stream):
            graph.replay()

    return replay
