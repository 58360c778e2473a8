"""Bits on a tape: staging, packing, pooling, other layouts and convolutions equal NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnas.binops import oracles, tape
from bnas.binops.table.emitters import ACTIVATIONS, PARAMETERS
from bnas.binops.table.isa import Isa

RNG = np.random.default_rng(0)
SIZES = [(1, 1), (1, 65), (7, 9), (8, 16), (13, 30)]


def random_bits(*shape: int) -> np.ndarray:
    return RNG.random(shape) < 0.5


def signs_of(bits: np.ndarray) -> np.ndarray:
    return np.where(bits, np.float32(1), np.float32(-1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 4, 7, 12])
def test_staged_bits_come_back(
    workbench: Any, isa: Isa, size: tuple[int, int], channels: int
) -> None:
    bits = random_bits(3, channels, *size)
    bench = workbench(isa, 3)
    planes = bench.plain_planes((channels, *size), (-1, 0, 2), border=1)
    bench.stage(bits, planes)
    result = bench.signs(planes, channels)
    bench.run()
    np.testing.assert_array_equal(result, signs_of(bits))


@pytest.mark.parametrize("size", SIZES)
def test_every_reader_gets_its_own_comparison(
    workbench: Any, isa: Isa, size: tuple[int, int]
) -> None:
    values = RNG.integers(-2, 3, (3, 10, *size)).astype(np.float32)
    bench = workbench(isa, 3)
    results, expected, readers = [], [], []
    planes = [bench.plain_planes((10, *size), columns) for columns in [(0,), (-64, 0, 64)]]
    for target in planes:
        threshold = RNG.integers(-2, 4, 10).astype(np.float32)
        flip = random_bits(10)
        readers.append(tape.add_reader(bench.builder, threshold, flip, target))
        columns = (slice(None), None, None)
        expected.append(signs_of((values >= threshold[columns]) ^ flip[columns]))
    tape.add_pack(bench.builder, bench.load(values), readers)
    results = [bench.signs(target, 10) for target in planes]
    bench.run()
    np.testing.assert_array_equal(results, expected)


def test_a_reader_may_begin_at_a_later_channel(workbench: Any, isa: Isa) -> None:
    values = RNG.standard_normal((3, 11, 5, 6), np.float32)
    bench = workbench(isa, 3)
    planes = bench.plain_planes((11, 5, 6))
    for first, stop in ((4, 11), (0, 4)):
        zeros = np.zeros(stop - first, np.float32)
        reader = tape.add_reader(bench.builder, zeros, zeros > 0, planes, first)
        tape.add_pack(bench.builder, bench.load(values[:, first:stop]), [reader])
    result = bench.signs(planes, 11)
    bench.run()
    np.testing.assert_array_equal(result, signs_of(values >= 0))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [(3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 1, 1), (2, 3, 1, 2), (1, 2, 0, 1)],
)
@pytest.mark.parametrize("size", [(8, 9), (3, 66)])
def test_pooled_bits(
    workbench: Any,
    isa: Isa,
    size: tuple[int, int],
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
) -> None:
    bits, invert = random_bits(3, 6, *size), random_bits(6)
    sides = (padding, padding)
    rising = bits ^ invert[:, None, None]
    padded = np.pad(rising, ((0, 0), (0, 0), sides, sides))
    reach = dilation * (kernel - 1) + 1
    seen = np.lib.stride_tricks.sliding_window_view(padded, (reach, reach), (2, 3))
    seen = seen[:, :, ::stride, ::stride, ::dilation, ::dilation]
    expected = seen.any((4, 5)) ^ invert[:, None, None]
    bench = workbench(isa, 3)
    source = bench.plain_planes((6, *size), (-1, 0, 1), border=1)
    target = bench.plain_planes((6, *expected.shape[2:]), (0, 1))
    bench.stage(bits, source)
    window = tape.Window(kernel, stride, padding, dilation)
    tape.add_pool_bits(bench.builder, source, target, invert, window)
    result = bench.signs(target, 6)
    bench.run()
    np.testing.assert_array_equal(result, signs_of(expected))


#: Channels, outputs, groups, kernel, stride, padding, dilation.
CONVOLUTIONS = [
    (5, 6, 1, 3, 1, 1, 1),
    (5, 9, 1, 3, 2, 1, 1),  # even and odd columns
    (8, 9, 1, 2, 2, 0, 1),
    (6, 4, 1, 3, 2, 2, 2),
    (6, 9, 3, 3, 1, 1, 1),  # groups that share bytes
    (12, 6, 3, 3, 2, 1, 1),
    (10, 15, 5, 3, 2, 1, 1),
    (9, 9, 9, 3, 2, 1, 1),  # one channel a group
    (21, 14, 7, 3, 1, 2, 2),  # three, with two outputs each
    (36, 6, 6, 2, 2, 0, 1),  # six
    (4, 5, 1, 3, 3, 1, 1),
    (4, 5, 1, 5, 1, 0, 1),  # rows shorter than the image's
]


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("size", [(9, 9), (5, 66), (12, 20)])
@pytest.mark.parametrize("threads", [1, 2])
def test_restaged_convolutions(
    workbench: Any, isa: Isa, case: tuple[int, ...], size: tuple[int, int], threads: int
) -> None:
    channels, outputs, groups, kernel, stride, padding, dilation = case
    bits = random_bits(5, channels, *size)
    weights = random_bits(outputs, channels // groups, kernel, kernel)
    geometry = tape.conv_geometry(
        (channels, *size), weights.shape, stride, padding, dilation, groups
    )
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    expected = oracles.conv2d(signs_of(bits), signs_of(weights), **options)
    bench = workbench(isa, 5)
    planes = bench.plain_planes((channels, *size))
    bench.stage(bits, planes)
    layout = tape.layout_for(geometry).together(channels)
    other = tape.add_restage(bench.builder, planes, layout)
    packed = np.packbits(weights, axis=1, bitorder="little")
    writer = tape.ConvWriter(bench.builder, geometry, packed, other)
    counts = np.zeros(expected.shape, np.int32)
    pixels = geometry.out_size[0] * geometry.out_size[1]
    writer.add_counts(bench.port(counts), 4 * pixels)
    writer.write()
    bench.run(threads)
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("size", [(7, 7), (3, 64), (20, 21)])
@pytest.mark.parametrize("outputs", [3, 8, 13])
def test_streams_and_their_readers(
    workbench: Any, isa: Isa, activation: str, size: tuple[int, int], outputs: int
) -> None:
    bits, weights = random_bits(5, 9, *size), random_bits(outputs, 9, 3, 3)
    before = RNG.standard_normal((5, outputs, *size), np.float32)
    scale, shift, slope, last = (
        RNG.standard_normal(outputs).astype(np.float32)[:, None, None] for _ in range(4)
    )
    counts = oracles.conv2d(signs_of(bits), signs_of(weights), padding=1)
    value = counts.astype(np.float32) * scale
    if activation == "relu":
        value = np.maximum(value, 0)
    elif activation == "rprelu":
        value = np.where(value >= shift, value - shift, (value - shift) * slope) + last
    elif activation == "affine":
        value = value * shift + slope
    expected = before + value
    geometry = tape.conv_geometry((9, *size), weights.shape, 1, 1, 1, 1)
    bench = workbench(isa, 5)
    planes = tape.add_planes(bench.builder, tape.layout_for(geometry))
    bench.stage(bits, planes)
    target, target_planes = bench.load(before), bench.plain_planes((outputs, *size), (-1, 0))
    zeros = np.zeros(outputs, np.float32)
    packed = np.packbits(weights, axis=1, bitorder="little")
    writer = tape.ConvWriter(bench.builder, geometry, packed, planes)
    parameters = [part[:, 0, 0] for part in (shift, slope, last)]
    writer.add_stream(
        scale[:, 0, 0],
        target.at,
        target.row,
        activation=activation,
        parameters=parameters[: PARAMETERS[activation]],
        accumulate=True,
        readers=[tape.add_reader(bench.builder, zeros, zeros > 0, target_planes)],
    )
    writer.write()
    floats, signs = bench.floats(target, size), bench.signs(target_planes, outputs)
    bench.run()
    np.testing.assert_array_equal(floats, expected)
    np.testing.assert_array_equal(signs, signs_of(expected >= 0))


@pytest.mark.parametrize(
    ("images", "lanes", "blocks"), [(1, 2, 2), (3, 2, 2), (2, 1, 2), (3, 2, 3)]
)
def test_blocks_of_channels_make_the_whole(
    workbench: Any, isa: Isa, images: int, lanes: int, blocks: int
) -> None:
    """Also where there are fewer lanes than blocks: then one lane takes all."""
    bits, weights = random_bits(images, 6, 9, 9), random_bits(21, 6, 3, 3)
    expected = oracles.conv2d(signs_of(bits), signs_of(weights), padding=1)
    geometry = tape.conv_geometry((6, 9, 9), weights.shape, 1, 1, 1, 1)
    bench = workbench(isa, images)
    planes = tape.add_planes(bench.builder, tape.layout_for(geometry))
    bench.stage(bits, planes)
    packed = np.packbits(weights, axis=1, bitorder="little")
    writer = tape.ConvWriter(bench.builder, geometry, packed, planes)
    counts = np.zeros(expected.shape, np.int32)
    writer.add_counts(bench.port(counts), 4 * 81)
    writer.write()
    bench.run(lanes, blocks=blocks)
    np.testing.assert_array_equal(counts, expected)
