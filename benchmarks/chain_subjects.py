"""Chains of equal binary convolutions: a tape against OpenVINO's BinaryConvolution.

Both take float32 activations, binarise them, run the layers from bits to bits with one threshold a
channel, and put out the last layer's counts; a time is that of a chain divided by its layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.conv_subjects import signs
from bnas import binops
from bnas.binops import tape
from bnas.tools.bench import Subject


def weights(channels: int, layer: int) -> np.ndarray:
    """Return the weights of a layer, float32 ±1 (C, C, 3, 3)."""
    return signs((channels, channels, 3, 3), seed=10 + layer)


def thresholds(channels: int, layer: int) -> np.ndarray:
    """Return a layer's thresholds, int32 (C,), near 0 as those of trained networks."""
    return np.random.default_rng(100 + layer).integers(-20, 20, channels, np.int32)


def packed(*, inputs: list[Any], threads: int, layers: int) -> Subject:
    """Return the chain as a tape, one compiled call, as packed networks run.

    Args:
        inputs: float32 (N, C, H, W) each.
        threads: For the kernels.
        layers: Length of the chain.
    """
    images, *shape = inputs[0].shape
    channels, pixels = shape[0], shape[1] * shape[2]
    builder = tape.TapeBuilder(tape.best_isa())
    row = 4 * builder.row_floats(pixels)
    given = tape.Rows(
        tape.Pointer(tape.PORT, 0, 4 * channels * pixels), 4 * pixels, channels, pixels
    )
    floats = tape.Rows(builder.reserve(channels * row), row, channels, pixels)
    tape.add_float(builder, tape.Float.COPY, given, floats)
    geometry = tape.conv_geometry(tuple(shape), (channels, channels, 3, 3), padding=1)
    layout = tape.planes_read(builder.isa, geometry)
    planes = tape.add_planes(builder, layout)
    zeros = np.zeros(channels, np.float32)
    never = np.zeros(channels, np.bool_)
    tape.add_pack(builder, floats, [tape.add_reader(builder, zeros, never, planes)])
    for layer in range(layers):
        bits = binops.pack(weights(channels, layer), axis=1).data
        conv = tape.ConvWriter(builder, geometry, bits, planes)
        if layer < layers - 1:
            planes = tape.add_planes(builder, layout)
            conv.add_bits(thresholds(channels, layer), never, planes)
        else:
            counts = tape.Pointer(tape.PORT + 1, 0, 4 * channels * pixels)
            conv.add_counts(counts, 4 * pixels)
        conv.write()
    built = builder.build()
    arena = built.arena(threads)
    out = np.empty((images, *shape), np.int32)

    def call(array: np.ndarray) -> Any:
        ports = np.array([[a.ctypes.data, a.nbytes // images] for a in (array, out)], np.int64)
        built.run(arena, ports, images, threads)
        return out

    return Subject(call, inputs, np.array, parts=layers)


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
