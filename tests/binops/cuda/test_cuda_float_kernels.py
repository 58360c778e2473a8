"""Operations on floats and words on a GPU, against NumPy; in the simulator without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import cuda

from bnas.binops.cuda.conv_outputs import FloatPlace, FloatThreshold, WordPlace
from bnas.binops.cuda.conv_weights import as_words
from bnas.binops.cuda.float_kernels import Elementwise, elementwise, load, unpack
from bnas.binops.cuda.float_pack_kernel import FloatReader, pack_all
from bnas.binops.cuda.linear_kernel import linear
from bnas.binops.cuda.pooling_kernels import PoolSizes, mean, pool, pool_bits
from bnas.binops.cuda.real_conv_kernel import RealTile, RealWeights, real_conv

RANDOM = np.random.default_rng(7)
#: In an arena of so many values, places begin anywhere.
ARENA = 4000
SMALL = RealTile(pixels=16, channels=32, depth=8)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


class Arena:
    """Values on the device, and the same in NumPy."""

    def __init__(self, host: np.ndarray) -> None:
        self.host = host.copy()
        self.device: Any = cuda.to_device(host)

    def pixels(self, place: FloatPlace | WordPlace, pixels: int, channels: int) -> np.ndarray:
        """A view of some channels of every pixel, in NumPy."""
        step = place.channels if isinstance(place, FloatPlace) else place.words
        rows = self.host[place.at : place.at + pixels * step].reshape(pixels, step)
        return rows[:, place.first : place.first + channels]

    def check(self, tolerance: float = 0) -> None:
        """Everything is as in NumPy, around what was written too."""
        found = self.device.copy_to_host()
        if tolerance:
            np.testing.assert_allclose(found, self.host, rtol=0, atol=tolerance)
        else:
            np.testing.assert_array_equal(found, self.host)


@pytest.fixture
def floats() -> Arena:
    return Arena(normal(ARENA))


@pytest.fixture
def words() -> Arena:
    return Arena(RANDOM.integers(0, 2**32, ARENA, np.uint32))


def expected(function: Elementwise, value: np.ndarray, old: np.ndarray) -> np.ndarray:
    match function.operation:
        case "fill":
            return np.zeros_like(old)
        case "add":
            return old + value
        case "affine":
            return value * function.parameters[0] + function.parameters[1]
        case "relu":
            return np.maximum(value, np.float32(0))
        case "rprelu":
            shifted = value - function.parameters[0]
            slope, shift_out = function.parameters[1:]
            return np.where(shifted >= 0, shifted, shifted * slope) + shift_out
    return value


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [("fill", 0), ("copy", 0), ("add", 0), ("affine", 2), ("relu", 0), ("rprelu", 3)],
)
def test_elementwise(floats: Arena, operation: str, parameters: int) -> None:
    source, target = FloatPlace(17, 11, 3), FloatPlace(900, 7, 1)
    function = Elementwise(operation, tuple(normal(5) for _ in range(parameters)))
    elementwise(floats.device, function, source, target, (60, 5))()
    old, value = floats.pixels(target, 60, 5), floats.pixels(source, 60, 5)
    old[:] = expected(function, value, old.copy())
    floats.check()


def test_in_place(floats: Arena) -> None:
    place = FloatPlace(0, 6)
    elementwise(floats.device, Elementwise("relu"), place, place, (50, 6))()
    values = floats.pixels(place, 50, 6)
    values[:] = np.maximum(values, 0)
    floats.check()


def test_load(floats: Arena) -> None:
    images = normal(2, 3, 4, 5)
    target = FloatPlace(10, 4, 1)
    load(cuda.to_device(images.reshape(-1)), floats.device, target, (2, 3, 20))()
    floats.pixels(target, 40, 3)[:] = images.transpose(0, 2, 3, 1).reshape(40, 3)
    floats.check()


def test_unpack(floats: Arena, words: Arena) -> None:
    source, target = WordPlace(5, 3, 1), FloatPlace(100, 40)
    unpack((words.device, floats.device), source, target, (9, 37))()
    bits = np.unpackbits(
        np.ascontiguousarray(words.pixels(source, 9, 2)).view(np.uint8), bitorder="little"
    ).reshape(9, 64)
    floats.pixels(target, 9, 37)[:] = bits[:, :37].astype(np.float32) * 2 - 1
    floats.check()


WINDOWS = [(3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 2, 2), (1, 2, 0, 1), (5, 1, 2, 1)]


def taps_of(
    size: tuple[int, int], window: tuple[int, int, int, int]
) -> tuple[tuple[int, int], list[list[tuple[list[int], list[int]]]]]:
    """Size of the result, and the rows and columns inside the image of every output."""
    taps, stride, padding, dilation = window

    def axis(length: int) -> list[list[int]]:
        count = (length + 2 * padding - dilation * (taps - 1) - 1) // stride + 1
        starts = (index * stride - padding for index in range(count))
        found = ([start + tap * dilation for tap in range(taps)] for start in starts)
        return [[place for place in places if 0 <= place < length] for places in found]

    rows, columns = axis(size[0]), axis(size[1])
    return (len(rows), len(columns)), [[(y, x) for x in columns] for y in rows]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("is_max", [True, False])
def test_pool(floats: Arena, window: tuple[int, int, int, int], is_max: bool) -> None:
    size = (6, 7)
    out_size, taps = taps_of(size, window)
    source, target = FloatPlace(3, 5, 1), FloatPlace(2000, 4)
    sizes = PoolSizes(2, size, out_size, window)
    pool(floats.device, source, target, sizes, 3, is_max=is_max)()
    images = floats.pixels(source, 84, 3).reshape(2, *size, 3)
    results = floats.pixels(target, sizes.out_pixels, 3).reshape(2, *out_size, 3)
    for y, row in enumerate(taps):
        for x, (rows, columns) in enumerate(row):
            patch = images[:, rows][:, :, columns]
            if is_max:
                results[:, y, x] = patch.max(axis=(1, 2))
                continue
            total = np.zeros((2, 3), np.float32)
            for column in range(len(columns)):
                line = np.zeros((2, 3), np.float32)
                for inner in range(len(rows)):
                    line = line + patch[:, inner, column]
                total = total + line
            results[:, y, x] = total / np.float32(len(rows) * len(columns))
    floats.check()


@pytest.mark.parametrize("window", WINDOWS)
def test_pool_bits(words: Arena, window: tuple[int, int, int, int]) -> None:
    size = (6, 5)
    out_size, taps = taps_of(size, window)
    falls = RANDOM.random(40) < 0.5
    source, target = WordPlace(4, 3, 1), WordPlace(1000, 2)
    sizes = PoolSizes(2, size, out_size, window)
    pool_bits(words.device, source, target, sizes, falls)()
    images = words.pixels(source, 60, 2).reshape(2, *size, 2)
    results = words.pixels(target, sizes.out_pixels, 2).reshape(2, *out_size, 2)
    inverts = as_words(falls)
    for y, row in enumerate(taps):
        for x, (rows, columns) in enumerate(row):
            patch = images[:, rows][:, :, columns] ^ inverts
            results[:, y, x] = np.bitwise_or.reduce(patch, axis=(1, 2)) ^ inverts
    words.check()


def test_mean(floats: Arena) -> None:
    source, target = FloatPlace(7, 6, 1), FloatPlace(3000, 9, 2)
    mean(floats.device, source, target, (3, 30, 5))()
    values = floats.pixels(source, 90, 5).reshape(3, 30, 5)
    floats.pixels(target, 3, 5)[:] = values.astype(np.float64).mean(axis=1)
    floats.check(1e-7)


def test_linear_of_few_images(floats: Arena) -> None:
    weight, bias = normal(6, 50), normal(6)
    source, target = FloatPlace(2, 70, 10), FloatPlace(3001, 6)
    linear(floats.device, (weight, bias), source, target, 3)()
    floats.pixels(target, 3, 6)[:] = floats.pixels(source, 3, 50) @ weight.T + bias
    floats.check(1e-5)


def convolved(
    images: np.ndarray, weight: np.ndarray, bias: np.ndarray, sizes: PoolSizes
) -> np.ndarray:
    """A convolution in float64: images (N, H, W, I), weight (groups, O / groups, I' * K * K)."""
    groups, outputs, _ = weight.shape
    taps = sizes.window[0]
    inputs = images.shape[3] // groups
    _, places = taps_of(sizes.size, sizes.window)
    kernel = weight.reshape(groups, outputs, inputs, taps, taps).astype(np.float64)
    _, stride, padding, dilation = sizes.window
    results = np.zeros((len(images), *sizes.out_size, groups * outputs))
    for y, row in enumerate(places):
        for x, (rows, columns) in enumerate(row):
            tap_y = [(place + padding - y * stride) // dilation for place in rows]
            tap_x = [(place + padding - x * stride) // dilation for place in columns]
            patch = images[:, rows][:, :, columns].reshape(
                len(images), len(rows), len(columns), groups, inputs
            )
            part = kernel[:, :, :, tap_y][:, :, :, :, tap_x]
            results[:, y, x] = np.einsum("nyxgi,goiyx->ngo", patch, part).reshape(len(images), -1)
    return results + bias


@pytest.mark.parametrize(
    ("window", "groups", "tile"),
    [
        ((3, 2, 1, 1), 1, SMALL),
        ((2, 2, 0, 1), 2, SMALL),
        ((3, 1, 2, 2), 3, SMALL),
        ((1, 1, 0, 1), 1, RealTile()),
    ],
)
def test_real_convolution(
    floats: Arena, window: tuple[int, int, int, int], groups: int, tile: RealTile
) -> None:
    size = (5, 6)
    out_size, _ = taps_of(size, window)
    sizes = PoolSizes(2, size, out_size, window)
    weight, bias = normal(groups, 4, 6 // groups * window[0] ** 2), normal(groups * 4)
    source, target = FloatPlace(3, 8, 1), FloatPlace(1500, groups * 4 + 1, 1)
    weights = RealWeights.of(weight, bias, window[0] ** 2, tile)
    real_conv(floats.device, weights, source, target, sizes, is_relu=groups > 1)()
    images = floats.pixels(source, 60, 6).reshape(2, *size, 6)
    results = convolved(images, weight, bias, sizes)
    values = np.maximum(results, 0) if groups > 1 else results
    floats.pixels(target, sizes.out_pixels, groups * 4)[:] = values.reshape(-1, groups * 4)
    floats.check(1e-5)


def test_linear_of_many_images(floats: Arena) -> None:
    weight, bias = normal(5, 12), normal(5)
    source, target = FloatPlace(2, 14), FloatPlace(3001, 6)
    linear(floats.device, (weight, bias), source, target, 33)()
    floats.pixels(target, 33, 5)[:] = floats.pixels(source, 33, 12) @ weight.T + bias
    floats.check(1e-5)


def packed(cut: FloatThreshold, values: np.ndarray) -> np.ndarray:
    return (values >= cut.threshold) ^ cut.flip


def random_cut(channels: int) -> FloatThreshold:
    threshold = normal(channels)
    threshold[::7], threshold[3::11] = np.inf, -np.inf
    return FloatThreshold(threshold, RANDOM.random(channels) < 0.5)


@pytest.mark.parametrize(("channels", "readers"), [(32, 1), (45, 3), (3, 2)])
def test_pack_whole_values(floats: Arena, words: Arena, channels: int, readers: int) -> None:
    source, count = FloatPlace(9, channels + 5, 2), -(-channels // 32)
    chosen = [
        FloatReader(random_cut(channels), WordPlace(100 * index, count), channels)
        for index in range(readers)
    ]
    pack_all((floats.device, words.device), source, chosen, 13)()
    values = floats.pixels(source, 13, channels)
    for reader in chosen:
        words.pixels(reader.place, 13, count)[:] = as_words(packed(reader.cut, values))
    words.check()


def test_pack_a_sum(floats: Arena, words: Arena) -> None:
    source, addend = FloatPlace(9, 40, 2), FloatPlace(700, 35)
    reader = FloatReader(random_cut(35), WordPlace(7, 2), 35)
    pack_all((floats.device, words.device), source, [reader], 13, addend)()
    values = floats.pixels(source, 13, 35)
    values += floats.pixels(addend, 13, 35)
    words.pixels(reader.place, 13, 2)[:] = as_words(packed(reader.cut, values))
    words.check()
    floats.check()


@pytest.mark.parametrize(("first", "channels"), [(36, 36), (4, 8), (32, 40), (72, 18), (60, 30)])
def test_pack_a_range_of_channels(floats: Arena, words: Arena, first: int, channels: int) -> None:
    """Other bits of the words keep what they were; behind the last channel there are zeros."""
    total, source = 90, FloatPlace(1, channels)
    reader = FloatReader(random_cut(channels), WordPlace(50, 4, 1), total, first)
    pack_all((floats.device, words.device), source, [reader], 12)()
    rows = words.pixels(reader.place, 12, 3)
    raw = np.ascontiguousarray(rows).view(np.uint8)
    bits = np.unpackbits(raw, axis=-1, bitorder="little").astype(bool)
    bits[:, first : first + channels] = packed(reader.cut, floats.pixels(source, 12, channels))
    if first + channels > 64:
        bits[:, total:] = False
    rows[:] = as_words(bits)
    words.check()


def test_nothing_is_done_for_no_images(floats: Arena) -> None:
    place = FloatPlace(0, 4)
    elementwise(floats.device, Elementwise("fill"), place, place, (0, 4))()
    floats.check()
