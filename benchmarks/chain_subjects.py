"""Chains of equal binary convolutions: packed plans against OpenVINO's BinaryConvolution.

Both take float32 activations, binarise them, run the layers from bits to bits with one threshold a
channel, and put out the last layer's counts; a time is that of a chain divided by its layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.conv_subjects import signs
from bnas import binops
from bnas.tools.bench import Subject


def weights(channels: int, layer: int) -> np.ndarray:
    """Return the weights of a layer, float32 ±1 (C, C, 3, 3)."""
    return signs((channels, channels, 3, 3), seed=10 + layer)


def thresholds(channels: int, layer: int) -> np.ndarray:
    """Return a layer's thresholds, int32 (C,), near 0 as those of trained networks."""
    return np.random.default_rng(100 + layer).integers(-20, 20, channels, np.int32)


def packed(*, inputs: list[Any], threads: int, layers: int) -> Subject:
    """Return packed plans, one after the other, each with a buffer of its own for what it puts out.

    Args:
        inputs: float32 (N, C, H, W) each.
        threads: For the kernels.
        layers: Length of the chain.
    """
    shape = inputs[0].shape
    plans = [_plan(shape, layer, layers) for layer in range(layers)]
    buffers = [plan(binops.pack(inputs[0], axis=1)) for plan in plans]

    def call(array: np.ndarray) -> Any:
        value = binops.pack(array, axis=1)
        for plan, buffer in zip(plans, buffers, strict=True):
            value = plan(value, out=buffer, threads=threads)
        return value

    return Subject(call, inputs, np.array, parts=layers)


def _plan(shape: tuple[int, ...], layer: int, layers: int) -> Callable[..., Any]:
    epilogue: Any = "int32"
    if layer < layers - 1:
        cuts = thresholds(shape[1], layer)
        epilogue = binops.Threshold(cuts, np.zeros(shape[1], np.bool_))
    return binops.Conv2d(weights(shape[1], layer), shape, padding=1, epilogue=epilogue)


def openvino(*, inputs: list[Any], threads: int, layers: int) -> Subject:
    """Return the chain in OpenVINO, its graph built by hand.

    Args:
        inputs: float32 (N, C, H, W) each.
        threads: For inference.
        layers: Length of the chain.
    """
    import openvino as ov
    from openvino import opset1

    from bnas.tools.bench.openvino_binary import binarized, binary_convolution
    from bnas.tools.bench.openvino_network import subject

    channels = inputs[0].shape[1]
    images = opset1.parameter(list(inputs[0].shape), np.float32)
    value = binarized(images, np.zeros(channels, np.float32), np.zeros(channels, np.bool_))
    kept: list[np.ndarray] = []
    for layer in range(layers):
        value = binary_convolution(value, weights(channels, layer), kept, padding=1)
        if layer < layers - 1:
            cuts = thresholds(channels, layer).astype(np.float32) - 0.5
            value = binarized(value, cuts, np.zeros(channels, np.bool_))
    return subject(ov.Model([value], [images]), inputs, threads, parts=layers)
