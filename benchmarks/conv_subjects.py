"""One binary convolution as a contender: packed, bits in and out; packing alone; torch's float32.

All convolve the signs of the same inputs with the same signs and put out the signs of the counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas import binops
from bnas.tools.bench import Subject


def signs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return random signs, float32 ±1, the same in every process."""
    source = np.random.default_rng(seed)
    return np.where(source.random(shape) < 0.5, np.float32(-1), np.float32(1))


def packed(*, inputs: list[Any], threads: int, weight: list[int], padding: int) -> Subject:
    """Return a plan that thresholds its counts at 0: bits in, bits out.

    Args:
        inputs: float32 (N, C, H, W) each; packed in place.
        threads: For the kernel.
        weight: Shape (O, C, K, K) of the weights.
        padding: Zeros on every side.
    """
    shape = inputs[0].shape
    for index, array in enumerate(inputs):
        inputs[index] = binops.pack(array, axis=1)
    epilogue = binops.Threshold(np.zeros(weight[0], np.int32), np.zeros(weight[0], np.bool_))
    plan = binops.Conv2d(signs(tuple(weight), 1), shape, padding=padding, epilogue=epilogue)
    return Subject(lambda bits: plan(bits, threads=threads), inputs, binops.unpack)


def packing(*, inputs: list[Any], threads: int) -> Subject:
    """Return what turns float32 activations into bits, without any convolution."""
    del threads  # `pack` takes Numba's number, which the process was started with
    return Subject(lambda array: binops.pack(array, axis=1), inputs, binops.unpack)


def float32(*, inputs: list[Any], threads: int, weight: list[int], padding: int) -> Subject:
    """Return torch's convolution of float32 signs, in the faster of its two layouts.

    Args:
        inputs: float32 (N, C, H, W) each; changed to tensors of their signs in place.
        threads: For torch.
        weight: Shape (O, C, K, K) of the weights.
        padding: Zeros on every side.
    """
    import torch

    from bnas.tools.bench.torch_network import faster_layout

    torch.set_num_threads(threads)
    for array in inputs:
        array[...] = np.where(array >= 0, np.float32(1), np.float32(-1))
    values = torch.from_numpy(signs(tuple(weight), 1))

    def conv() -> torch.nn.Module:
        layer = torch.nn.Conv2d(weight[1], weight[0], weight[2], padding=padding, bias=False)
        layer.weight = torch.nn.Parameter(values.clone())
        return layer

    subject = faster_layout(conv, inputs)
    # Rounded: the sums are integers, and some of torch's algorithms are not exact.
    subject.output = lambda counts: np.where(counts.numpy().round() >= 0, 1.0, -1.0)
    return subject
