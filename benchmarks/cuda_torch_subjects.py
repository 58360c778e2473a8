"""What packed kernels on a GPU are compared with: torch in bfloat16 and int8, and plain copies.

Rotations, graphs and parts are as in `benchmarks.cuda_subjects`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.cuda_subjects import COMPARED, conv_inputs, conv_weight, corner, signs
from bnas.tools.bench import Subject
from bnas.tools.bench.device_time import rotating
from bnas.tools.bench.torch_cuda_network import event_ms


def conv(
    *,
    inputs: list[Any],
    threads: int,
    weight: list[int],
    side: int,
    device: str = "cuda",
) -> Subject:
    """Return torch's convolution (cuDNN) of ±1 in bfloat16, channels_last.

    Args:
        inputs: One array; its first axis is the batch.
        threads: Does not matter.
        weight: Shape (O, I, K, K); the padding is K // 2.
        side: Of the image in pixels.
        device: Where.
    """
    del threads
    torch.backends.cudnn.benchmark = True
    batch = len(inputs[0])
    count = rotating(2 * batch * weight[1] * side * side)
    given = [_plus_minus(bits, device) for bits in conv_inputs(batch, weight, side, count)]
    kernel = _plus_minus(conv_weight(weight), device)
    results: list[Tensor] = []

    def run() -> None:
        results[:] = [functional.conv2d(x, kernel, padding=weight[2] // 2) for x in given]

    subject = _sequence(_recorded(run, device), count)
    subject.output = lambda _: _bits_of(results[0])
    return subject


def product(*, inputs: list[Any], threads: int, size: int, kind: str) -> Subject:
    """Return torch's product of two square matrices of ±1.

    Args:
        inputs: Does not matter.
        threads: Does not matter.
        size: Rows, columns and depth.
        kind: `"bfloat16"`, or `"int8"` for `torch._int_mm`.
    """
    del inputs, threads
    dtype = getattr(torch, kind)

    def matrix(seed: int) -> Tensor:
        return torch.from_numpy(signs((size, size), seed)).to("cuda").to(dtype) * 2 - 1

    multiply = torch.matmul if kind == "bfloat16" else torch._int_mm
    rows, columns = [matrix(seed) for seed in range(3)], matrix(1000).t()
    subject = _sequence(lambda: [multiply(each, columns) for each in rows], len(rows))
    subject.output = lambda _: corner(multiply(rows[0], columns))
    return subject


def copying(*, inputs: list[Any], threads: int, dtype: str, shape: list[int]) -> Subject:
    """Return a copy of the arrays that packing reads: what memory allows.

    Args:
        inputs: Does not matter.
        threads: Does not matter.
        dtype: Of the floats.
        shape: (N, C, H, W).
    """
    del inputs, threads
    given = [torch.randn(shape, device="cuda").to(getattr(torch, dtype)) for _ in range(3)]
    copies = [torch.empty_like(each) for each in given]

    def run() -> None:
        for copy, source in zip(copies, given, strict=True):
            copy.copy_(source)

    return _sequence(run, len(given))


def _plus_minus(bits: np.ndarray, device: str) -> Tensor:
    values = torch.from_numpy(bits).to(device).to(torch.bfloat16) * 2 - 1
    return values.contiguous(memory_format=torch.channels_last)


def _bits_of(counts: Tensor) -> np.ndarray:
    """Return the signs of the first images, float32 ±1: rounding to bfloat16 keeps them."""
    first = counts[:COMPARED].float().cpu().numpy()
    return np.where(first >= 0, np.float32(1), np.float32(-1))


def _recorded(run: Callable[[], None], device: str) -> Callable[[], None]:
    """Return what runs the same from a CUDA graph."""
    if device == "cpu":
        return run
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def _sequence(run: Callable[[], Any], count: int) -> Subject:
    """Return a subject whose calls take all of a rotation."""

    def call(_: Any) -> None:
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return Subject(
        call=call,
        inputs=[None],
        output=lambda _: np.zeros(0, np.float32),
        parts=count,
        seconds=lambda _: event_ms(run) / 1e3,
    )
