"""Packed kernels on a GPU as contenders: a convolution from bits to bits, a product, packing.

A call runs once over every input of a rotation that no cache holds, recorded as a CUDA graph where
that can be; times are of one input.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.tools.bench import Subject
from bnas.tools.bench.device_time import device_ms, rotating

#: Images whose outputs are compared; all of them would be gigabytes.
COMPARED = 2


def signs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return random bits, bool, the same in every process."""
    return np.random.default_rng(seed).integers(0, 2, shape, np.uint8).astype(np.bool_)


def conv_inputs(batch: int, weight: list[int], side: int, count: int) -> list[np.ndarray]:
    """Return the bits of a convolution's inputs, bool (N, C, H, W) each."""
    shape = (batch, weight[1], side, side)
    return [signs(shape, seed) for seed in range(count)]


def conv_weight(weight: list[int]) -> np.ndarray:
    """Return the bits of its weights, bool (O, I, K, K)."""
    return signs(tuple(weight), 1000)


def packed_conv(
    *,
    inputs: list[Any],
    threads: int,
    weight: list[int],
    side: int,
    capability: list[int] | None = None,
) -> Subject:
    """Return a convolution that thresholds its counts at 0: pixel words in, pixel words out.

    Args:
        inputs: One array; its first axis is the batch.
        threads: Does not matter.
        weight: Shape (O, I, K, K); the padding is K // 2.
        side: Of the image in pixels.
        capability: None takes that of the GPU.
    """
    from numba import cuda

    from bnas import binops
    from bnas.binops.cuda.conv_outputs import ConvArrays, ConvOutputs, ConvPlaces, WordPlace
    from bnas.binops.cuda.conv_plan import PixelConv
    from bnas.binops.cuda.conv_weights import as_words, words_of
    from bnas.binops.cuda.graph import capture
    from bnas.binops.geometry import conv_geometry

    del threads
    batch = len(inputs[0])
    words, out_words = words_of(weight[1]), words_of(weight[0])
    count = rotating(4 * batch * side * side * words)
    geometry = conv_geometry((batch, weight[1], side, side), tuple(weight), padding=weight[2] // 2)
    bits = binops.pack(np.where(conv_weight(weight), np.int8(1), np.int8(-1)), axis=1).data
    outputs = ConvOutputs(bits=(_at_zero(weight[0]),))
    found = tuple(capability or cuda.get_current_device().compute_capability)
    conv = PixelConv(geometry, bits, outputs, found)
    results, launches = [], []
    for given in conv_inputs(batch, weight, side, count):
        flat = as_words(np.moveaxis(given, 1, 3)).reshape(-1)
        source = cuda.to_device(np.concatenate([flat, np.zeros(4, np.uint32)]))
        results.append(cuda.to_device(np.zeros(batch * side * side * out_words, np.uint32)))
        arrays = ConvArrays(source=source, bits=results[-1])
        launches.append(conv.bind(batch, arrays, ConvPlaces(bits=(WordPlace(0, out_words),))))

    def queue(stream: Any) -> None:
        for launch in launches:
            launch(stream)

    queue(0)
    graph = capture(queue)
    subject = _sequence(lambda: graph(0), count)
    subject.output = lambda _: _signs_of(results[0].copy_to_host(), batch, side, weight[0])
    return subject


def _at_zero(channels: int) -> Any:
    from bnas import binops

    return binops.Threshold(np.zeros(channels, np.int32), np.zeros(channels, np.bool_))


def _signs_of(words: np.ndarray, batch: int, side: int, channels: int) -> np.ndarray:
    """Return the first images of pixel words as float32 ±1 (N, C, H, W)."""
    pixels = words.reshape(batch, side, side, -1)[:COMPARED]
    bits = np.unpackbits(pixels.view(np.uint8), axis=-1, count=channels, bitorder="little")
    return np.moveaxis(np.where(bits, np.float32(1), np.float32(-1)), 3, 1)


def packed_product(*, inputs: list[Any], threads: int, size: int) -> Subject:
    """Return the product of two square matrices of bits, int32.

    Args:
        inputs: Does not matter.
        threads: Does not matter.
        size: Rows, columns and depth.
    """
    import torch

    from bnas import binops

    del inputs, threads

    def packed(seed: int) -> Any:
        values = torch.from_numpy(signs((size, size), seed)).to("cuda")
        return binops.pack(values.to(torch.int8) * 2 - 1, axis=1)

    count = rotating(size * size // 8)
    rows, columns = [packed(seed) for seed in range(count)], packed(1000)
    subject = _sequence(lambda: [binops.gemm(each, columns) for each in rows], count)
    subject.output = lambda _: corner(binops.gemm(rows[0], columns))
    return subject


def packing(*, inputs: list[Any], threads: int, dtype: str, shape: list[int]) -> Subject:
    """Return what packs the signs of floats on the GPU.

    Args:
        inputs: Does not matter.
        threads: Does not matter.
        dtype: `"float16"` or `"float32"`.
        shape: (N, C, H, W).
    """
    import torch

    from bnas import binops

    del inputs, threads
    given = [torch.randn(shape, device="cuda").to(getattr(torch, dtype)) for _ in range(3)]
    return _sequence(lambda: [binops.pack(each, axis=1) for each in given], len(given))


def corner(product: Any) -> np.ndarray:
    """Return the first 64 rows and columns of a tensor, float32."""
    return np.asarray(product[:64, :64].float().cpu().numpy())


def _sequence(run: Any, count: int) -> Subject:
    """Return a subject whose calls take all of a rotation."""
    from numba import cuda

    def call(_: Any) -> None:
        run()
        cuda.synchronize()

    return Subject(
        call=call,
        inputs=[None],
        output=lambda _: np.zeros(0, np.float32),
        parts=count,
        seconds=lambda _: device_ms(run) / 1e3,
    )
