"""The float twin in torch as a contender: eager or compiled, in the better of two layouts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bnas import zoo
from bnas.tools.bench.jobs import Subject
from bnas.tools.bench.materialized import materialize

_LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
#: Calls that decide between the layouts, after one that is not counted.
_TRIALS = 3


def _laid_out(module: nn.Module, layout: str) -> nn.Module:
    # torch declares no `memory_format` for modules.
    placed: nn.Module = module.to(memory_format=_LAYOUTS[layout])  # type: ignore[call-overload]
    return placed


def make(*, inputs: list[Any], threads: int, weights: str, compiled: bool) -> Subject:
    """Return the module that computes what a weights file's packed network does.

    Args:
        inputs: Images, float32 (N, 3, H, W) each; changed to tensors in place.
        threads: For torch.
        weights: The file.
        compiled: ``torch.compile`` with frozen weights, instead of eager execution.
    """
    torch.set_num_threads(threads)
    network = zoo.load_file(weights)
    if compiled:
        return _compiled(materialize(network, inputs[0].shape), inputs)
    return faster_layout(lambda: materialize(network, inputs[0].shape), inputs)


def _compiled(module: nn.Module, inputs: list[Any]) -> Subject:
    """Return the module compiled with frozen weights.

    In channels_last alone: the compiler lays weights out as it likes, so both layouts take the same
    time (BNAS-Mini: 4.28 and 4.39 ms) and twice as long to compile.
    """
    import torch._inductor.config as inductor

    inductor.freezing = True
    layout = "channels_last"
    call = _call(torch.compile(_laid_out(module, layout)))
    _change(inputs, layout)
    return Subject(call=call, inputs=inputs, output=lambda y: y.numpy(), note=layout)


def faster_layout(make: Callable[[], nn.Module], inputs: list[Any]) -> Subject:
    """Return a module in the memory layout in which it is faster here.

    Args:
        make: Makes the module; called once for each layout.
        inputs: float32 (N, C, H, W) each; changed to tensors of the faster layout in place.
    """
    tried: dict[str, tuple[float, Callable[[Tensor], Tensor]]] = {}
    for layout in _LAYOUTS:
        call = _call(_laid_out(make(), layout))
        tried[layout] = (_seconds(call, _tensor(inputs[0], layout)), call)
    best = min(tried, key=lambda layout: tried[layout][0])
    _change(inputs, best)
    return Subject(call=tried[best][1], inputs=inputs, output=lambda y: y.numpy(), note=best)


def _tensor(array: Any, layout: str) -> Tensor:
    return torch.from_numpy(array).contiguous(memory_format=_LAYOUTS[layout])


def _change(inputs: list[Any], layout: str) -> None:
    for index, array in enumerate(inputs):
        inputs[index] = _tensor(array, layout)


def _call(module: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def call(images: Tensor) -> Tensor:
        with torch.inference_mode():
            result: Tensor = module(images)
            return result

    return call


def _seconds(call: Callable[[Tensor], Tensor], images: Tensor) -> float:
    call(images)
    times = []
    for _ in range(_TRIALS):
        begun = time.perf_counter()
        call(images)
        times.append(time.perf_counter() - begun)
    return min(times)
