"""Convolutions over pixel words: every kernel, geometry and output against dense integers."""

from __future__ import annotations

import math
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numba import cuda

from bnas.binops import oracles
from bnas.binops.cuda.conv_outputs import (
    ConvArrays,
    ConvOutputs,
    ConvPlaces,
    FloatOutput,
    FloatPlace,
    FloatThreshold,
    PlanePlace,
    WordPlace,
)
from bnas.binops.cuda.conv_plan import PixelConv, block_columns, range_pixels
from bnas.binops.cuda.conv_weights import as_words, words_of
from bnas.binops.cuda.matrix_shape import MatrixTile
from bnas.binops.cuda.tiles import fitting_tiles
from bnas.binops.epilogues import Threshold
from bnas.binops.errors import EpilogueError
from bnas.binops.geometry import ConvGeometry, conv_geometry

AND, XOR, POPCOUNT = (9, 0), (7, 5), (10, 0)
SMALL = MatrixTile(1, 1, 1, 4)


class Case:
    """A convolution of random signs, its counts by the oracle, and its input on the device."""

    def __init__(self, x: tuple[int, ...], w: tuple[int, ...], **options: Any) -> None:
        random = np.random.default_rng(math.prod(x) + math.prod(w))
        signs, weights = (random.choice(np.array([-1, 1], np.int8), shape) for shape in (x, w))
        self.images = x[0]
        self.geometry: ConvGeometry = conv_geometry(x, w, **options)
        self.weight = oracles.pack(weights).data
        self.counts = oracles.conv2d(signs, weights, **options)
        words = as_words(np.moveaxis(signs > 0, 1, 3)).reshape(-1)
        self.start = 8  # Whatever comes before and behind it must not matter.
        noise = random.integers(0, 2**32, self.start, np.uint32)
        self.source = cuda.to_device(np.concatenate([noise, words, noise]))

    @property
    def size(self) -> int:
        """Output pixels of an image."""
        return math.prod(self.geometry.out_size)

    def counted(self, capability: tuple[int, int], tile: Any = None) -> np.ndarray:
        """The counts that a kernel finds, int32 (N, O, H, W)."""
        found = cuda.to_device(np.full(self.counts.size, -7, np.int32))
        place = PlanePlace(0, self.counts[0].size, self.size)
        outputs = ConvOutputs(counts=True)
        conv = PixelConv(self.geometry, self.weight, outputs, capability, tile)
        arrays = ConvArrays(source=self.source, counts=found)
        conv.bind(self.images, arrays, ConvPlaces(source=self.start, counts=place))()
        return found.copy_to_host().reshape(self.counts.shape)


CASES = {
    "3x3, a word and a bit": ((1, 40, 5, 6), (20, 40, 3, 3), {"padding": 1}),
    "3x3, whole groups of words": ((1, 128, 2, 3), (40, 128, 3, 3), {"padding": 1}),
    "eight words, apart in shared memory": ((1, 250, 2, 2), (9, 250, 3, 3), {"padding": 1}),
    "stride 2": ((2, 20, 5, 5), (33, 20, 3, 3), {"stride": 2, "padding": 1}),
    "2x2 of stride 2, no padding": ((3, 33, 4, 4), (8, 33, 2, 2), {"stride": 2}),
    "1x1": ((3, 64, 3, 3), (48, 64, 1, 1), {}),
    "1x1, padded": ((2, 20, 2, 3), (8, 20, 1, 1), {"padding": 1}),
    "1x1, padded on the left and right": ((2, 8, 5, 3), (8, 8, 1, 1), {"padding": (0, 2)}),
    "1x1, padded above and below": ((3, 8, 2, 3), (8, 8, 1, 1), {"padding": (3, 0)}),
    "5x5, dilated": ((1, 12, 5, 5), (10, 12, 5, 5), {"padding": 4, "dilation": 2}),
    "unequal sides": ((2, 9, 4, 7), (5, 9, 3, 1), {"stride": (2, 1), "padding": (1, 0)}),
    "more padding than image": ((2, 8, 1, 2), (4, 8, 3, 3), {"padding": 2}),
}


@pytest.mark.parametrize("capability", [AND, XOR, POPCOUNT], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_counts_are_those_of_dense_integers(name: str, capability: tuple[int, int]) -> None:
    x, w, options = CASES[name]
    case = Case(x, w, **options)
    np.testing.assert_array_equal(case.counted(capability, SMALL), case.counts)


@pytest.mark.parametrize("tile", fitting_tiles(20, 10**6), ids=str)
@pytest.mark.parametrize("capability", [AND, XOR], ids=str)
def test_tiles_of_any_shape_count_alike(tile: MatrixTile, capability: tuple[int, int]) -> None:
    case = Case((3, 5, 2, 2), (20, 5, 2, 1), padding=(1, 0))
    np.testing.assert_array_equal(case.counted(capability, tile), case.counts)


def test_a_block_makes_one_tile_of_channels_after_another(monkeypatch: Any) -> None:
    monkeypatch.setattr("bnas.binops.cuda.conv_plan.MANY_BLOCKS", 1)
    case = Case((1, 5, 2, 2), (100, 5, 1, 1))
    np.testing.assert_array_equal(case.counted(AND, SMALL), case.counts)


@pytest.mark.parametrize("groups", [2, 3, 12, 36])
def test_groups_read_their_own_channels(groups: int) -> None:
    options = {"padding": 1, "groups": groups}
    case = Case((2, 36, 3, 4), (72, 36 // groups, 3, 3), **options)
    np.testing.assert_array_equal(case.counted(AND), case.counts)


def test_groups_may_cross_words() -> None:
    case = Case((1, 120, 2, 2), (6, 40, 1, 1), groups=3)
    np.testing.assert_array_equal(case.counted(AND), case.counts)


@hypothesis.settings(max_examples=8)
@hypothesis.given(
    data=st.data(),
    capability=st.sampled_from([AND, XOR, POPCOUNT]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_any_geometry(
    data: Any, capability: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> None:
    height, width = (
        data.draw(st.integers(max(1, dilation[i] * (kernel[i] - 1) + 1 - 2 * padding[i]), 7))
        for i in (0, 1)
    )
    channels, outputs = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 40))
    images = data.draw(st.integers(1, 3))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    case = Case((images, channels, height, width), (outputs, channels, *kernel), **options)
    np.testing.assert_array_equal(case.counted(capability, SMALL), case.counts)


@pytest.mark.parametrize("capability", [AND, XOR, POPCOUNT], ids=str)
def test_bits_of_several_readers_are_comparisons_of_the_counts(
    capability: tuple[int, int],
) -> None:
    case = Case((2, 20, 2, 3), (41, 20, 3, 3), padding=1)
    random = np.random.default_rng(1)
    readers = tuple(
        Threshold(random.integers(-20, 20, 41), random.integers(0, 2, 41).astype(bool))
        for _ in range(3)
    )
    found = cuda.to_device(np.full(3 * 200, 0xABCD, np.uint32))
    # The third lies in pixels of three words, behind the first of them.
    places = (WordPlace(0, 2), WordPlace(200, 2), WordPlace(400, 3, 1))
    conv = PixelConv(case.geometry, case.weight, ConvOutputs(bits=readers), capability, SMALL)
    conv.bind(2, ConvArrays(case.source, bits=found), ConvPlaces(case.start, bits=places))()
    words = found.copy_to_host()
    pixels = 2 * case.size
    shown = [
        words[:200][: 2 * pixels].reshape(pixels, 2),
        words[200:400][: 2 * pixels].reshape(pixels, 2),
        words[400:][: 3 * pixels].reshape(pixels, 3)[:, 1:],
    ]
    counts = np.moveaxis(case.counts, 1, 3).reshape(pixels, 41)
    for reader, got in zip(readers, shown, strict=True):
        expected = as_words((counts >= reader.threshold) ^ reader.flip)
        np.testing.assert_array_equal(got, expected)
    assert (words[400:][: 3 * pixels].reshape(pixels, 3)[:, 0] == 0xABCD).all()
    assert (words[400 + 3 * pixels :] == 0xABCD).all()


def activated(counts: np.ndarray, output: FloatOutput) -> np.ndarray:
    """What an activation makes of counts (pixels, O), operation by operation in float32."""
    values = counts.astype(np.float32) * output.scale
    match output.activation:
        case "relu":
            return np.maximum(values, np.float32(0))
        case "rprelu":
            shift_in, slope, shift_out = output.parameters
            shifted = values - shift_in
            return np.where(shifted >= 0, shifted, shifted * slope) + shift_out
        case "affine":
            return values * output.parameters[0] + output.parameters[1]
    return values


@pytest.mark.parametrize("capability", [AND, XOR, POPCOUNT], ids=str)
@pytest.mark.parametrize(
    ("activation", "parameters", "adds"),
    [("none", 0, False), ("relu", 0, True), ("rprelu", 3, False), ("affine", 2, True)],
)
def test_floats_round_like_numpy_and_their_bits_follow(
    activation: str, parameters: int, adds: bool, capability: tuple[int, int]
) -> None:
    case = Case((2, 20, 2, 3), (35, 20, 3, 3), padding=1)
    random = np.random.default_rng(2)
    numbers = [random.standard_normal(35, np.float32) for _ in range(1 + parameters)]
    flip = random.integers(0, 2, 35).astype(bool)
    reader = FloatThreshold(random.standard_normal(35, np.float32), flip)
    output = FloatOutput(numbers[0], activation, tuple(numbers[1:]), adds, (reader,))
    pixels = 2 * case.size
    # Channels 4 to 38 of a stream of 40.
    stream = random.standard_normal((pixels, 40), np.float32)
    floats = cuda.to_device(np.concatenate([[9, 9], stream.reshape(-1)]).astype(np.float32))
    bits = cuda.to_device(np.zeros(2 * pixels, np.uint32))
    places = ConvPlaces(case.start, floats=FloatPlace(2, 40, 4), packs=(WordPlace(0, 2),))
    conv = PixelConv(case.geometry, case.weight, ConvOutputs(floats=output), capability, SMALL)
    conv.bind(2, ConvArrays(case.source, bits=bits, floats=floats), places)()
    counts = np.moveaxis(case.counts, 1, 3).reshape(pixels, 35)
    expected = activated(counts, output)
    if adds:
        expected = stream[:, 4:39] + expected
    stream[:, 4:39] = expected
    np.testing.assert_array_equal(floats.copy_to_host()[2:].reshape(pixels, 40), stream)
    signs = as_words((expected >= reader.threshold) ^ flip)
    np.testing.assert_array_equal(bits.copy_to_host().reshape(pixels, 2), signs)


def test_counts_and_floats_may_go_to_planes_of_larger_arrays() -> None:
    case = Case((2, 5, 3, 3), (4, 5, 3, 3), padding=1)
    output = FloatOutput(np.full(4, 0.5, np.float32))
    counts = cuda.to_device(np.zeros((2, 6, 9), np.int32).reshape(-1))
    floats = cuda.to_device(np.zeros((2, 6, 9), np.float32).reshape(-1))
    place = PlanePlace(at=9, image=54, channel=9)
    outputs = ConvOutputs(counts=True, floats=output)
    conv = PixelConv(case.geometry, case.weight, outputs, AND, SMALL)
    arrays = ConvArrays(case.source, counts=counts, floats=floats)
    conv.bind(2, arrays, ConvPlaces(case.start, counts=place, floats=place))()
    expected = np.zeros((2, 6, 9), np.int32)
    expected[:, 1:5] = case.counts.reshape(2, 4, 9)
    np.testing.assert_array_equal(counts.copy_to_host().reshape(2, 6, 9), expected)
    np.testing.assert_array_equal(floats.copy_to_host().reshape(2, 6, 9), expected / 2)


def test_no_images_are_no_launch() -> None:
    case = Case((1, 5, 3, 3), (4, 5, 3, 3), padding=1)
    conv = PixelConv(case.geometry, case.weight, ConvOutputs(counts=True), AND)
    arrays = ConvArrays(case.source, counts=cuda.to_device(np.zeros(1, np.int32)))
    launch = conv.bind(0, arrays, ConvPlaces(case.start, counts=PlanePlace(0, 36, 9)))
    assert launch.grid == 0
    launch()


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "rows", "expected"),
    [
        ((64, 28, 28), 3, 1, 128, 192),  # 128 outputs, and a row and a pixel on either side
        ((64, 7, 7), 3, 1, 128, 144),
        ((64, 8, 8), 1, 1, 64, 64),
        ((64, 8, 8), 2, 2, 16, 64),
    ],
)
def test_the_range_of_a_block_is_what_its_outputs_look_at(
    shape: tuple[int, ...], kernel: int, stride: int, rows: int, expected: int
) -> None:
    geometry = conv_geometry(shape, (8, 64, kernel, kernel), stride, kernel // 2 * (stride == 1))
    assert range_pixels(geometry, rows) == expected


def test_blocks_take_several_tiles_only_where_there_are_many() -> None:
    assert block_columns(512, 64, row_blocks=2000) == 512
    assert block_columns(512, 64, row_blocks=300) == 128
    assert block_columns(512, 64, row_blocks=2) == 64
    assert block_columns(40, 64, row_blocks=2) == 64


def test_every_convolution_finds_a_tile() -> None:
    for channels in (1, 36, 72, 144, 512, 2000):
        for pixels in (1, 64, 10**6):
            tile = fitting_tiles(channels, pixels)[0]
            assert tile.columns >= min(channels, 64)
    assert words_of(33) == 2


def test_unknown_activations_are_refused() -> None:
    scale = np.ones(4, np.float32)
    with pytest.raises(EpilogueError, match="one of none, relu, rprelu, affine"):
        FloatOutput(scale, "tanh")
    with pytest.raises(EpilogueError, match="must be 3 arrays"):
        FloatOutput(scale, "rprelu", (scale,))
