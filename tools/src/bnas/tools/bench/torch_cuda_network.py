"""The float twin in torch on a GPU as a contender: bfloat16, channels_last, eager or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bnas import zoo
from bnas.tools.bench.jobs import Subject
from bnas.tools.bench.materialized import materialize


def make(*, inputs: list[Any], threads: int, weights: str, mode: str) -> Subject:
    """Return the module that computes what a weights file's packed network does, in bfloat16.

    Args:
        inputs: Images, float32 (N, 3, H, W) each; changed to tensors on the GPU in place.
        threads: Does not matter.
        weights: The file.
        mode: ``"eager"``, or one of `torch.compile`.
    """
    del threads
    shape = inputs[0].shape
    module = bfloat16(materialize(zoo.load_file(weights), shape))
    for index, array in enumerate(inputs):
        inputs[index] = torch.from_numpy(array).to(
            device="cuda", dtype=torch.bfloat16, memory_format=torch.channels_last
        )
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    # What a user would set for speed: cuDNN may try its algorithms for these sizes.
    torch.backends.cudnn.benchmark = True
    run = _call(module.to("cuda"), mode)

    def call(images: Tensor) -> Tensor:
        logits = run(images)
        torch.cuda.synchronize()
        return logits

    return Subject(
        call=call,
        inputs=inputs,
        output=lambda logits: logits.float().cpu().numpy(),
        note="channels_last",
        seconds=lambda images: event_ms(lambda: run(images)) / 1e3,
        peak_mb=lambda: (torch.cuda.max_memory_allocated() - before) / 1e6,
    )


def bfloat16(module: nn.Module) -> nn.Module:
    """Return the module in bfloat16 and channels_last; it needs a default type of that, set now.

    Signs are made of constants, which torch gives its default type: this process is for this module
    alone.
    """
    torch.set_default_dtype(torch.bfloat16)
    # torch declares no `memory_format` for modules.
    placed: nn.Module = module.to(  # type: ignore[call-overload]
        dtype=torch.bfloat16, memory_format=torch.channels_last
    )
    return placed


def event_ms(call: Callable[[], Any]) -> float:
    """Return the milliseconds between two events on torch's stream, with a call between them."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    call()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end))


def _call(module: nn.Module, mode: str) -> Callable[[Tensor], Tensor]:
    run = module if mode == "eager" else torch.compile(module, mode=mode, dynamic=False)

    def call(images: Tensor) -> Tensor:
        with torch.inference_mode():
            result: Tensor = run(images)
            return result

    return call
