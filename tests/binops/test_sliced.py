"""Bit-sliced convolutions: their parts alone, their code, and whole layers of any length."""

from __future__ import annotations

import functools
import re
import tracemalloc
from typing import Any

import attrs
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bnas import binops
from bnas.binops import oracles, tape
from bnas.binops.cpu import cpu_features
from bnas.binops.geometry import ConvGeometry
from bnas.binops.sliced import counting, inputs, numbers, results
from bnas.binops.sliced.counting import MOST_OCTETS, CountEmitter, ReduceEmitter
from bnas.binops.sliced.turning import TURNING
from bnas.binops.sliced.weights import (
    mismatches_on_padding,
    pixel_kinds,
    sliced_weights,
    start_planes,
    weight_bits,
)
from bnas.binops.table.cross import assembly_of
from bnas.binops.table.isa import ISAS

RNG = np.random.default_rng(0)
EMITTERS = {
    "gather": (functools.partial(inputs.emit_gather, inputs.part_by_tests), 4),
    "gather_bytes": (functools.partial(inputs.emit_gather_bytes, inputs.part_by_tests), 5),
    "pick": (inputs.emit_pick, 7),
    "shift": (inputs.emit_shift, 6),
    "tables": (counting.emit_tables, 4),
    "start": (results.emit_start, 9),
    "signs": (results.emit_signs, 12),
    "sign_bytes": (results.emit_sign_bytes, 4),
    "numbers": (functools.partial(numbers.emit_numbers, numbers.add_up), 4),
    "sums": (functools.partial(numbers.emit_sums, numbers.add_up), 6),
    "reduce": (ReduceEmitter(MOST_OCTETS).emit, 6),
    "count": (CountEmitter(MOST_OCTETS).emit, 8),
}

# Empty where the CPU has no AVX-512BW; the look-ups of other widths take all layers there.
on_avx512 = pytest.mark.parametrize(
    "backend", [name for name in ("avx512",) if binops.backends()[name].available]
)


def geometry_of(
    channels: int, outputs: int, size: tuple[int, int], kernel: int, **options: int
) -> ConvGeometry:
    return tape.conv_geometry((channels, *size), (outputs, channels, kernel, kernel), **options)


class TestCode:
    """Compiled for AVX-512BW alone, wherever the tests run."""

    @pytest.mark.parametrize("name", EMITTERS)
    def test_it_calls_nothing(self, name: str) -> None:
        code = assembly_of(ISAS["avx512"], name, *EMITTERS[name])
        assert f"{name}:" in code
        assert "call" not in re.sub(r"\.[a-z_]*call.*", "", code)

    @pytest.mark.parametrize("octets", range(1, MOST_OCTETS + 1))
    def test_a_tree_is_as_many_instructions_as_it_must_be(self, octets: int) -> None:
        code = assembly_of(ISAS["avx512"], "count", CountEmitter(octets).emit, 8)
        # Eight look-ups, four shifts, and a sum and a carry of seven adders for every octet.
        assert len(re.findall(r"\bvperm(?:q|pd)\b", code)) == 8 * octets
        assert len(re.findall(r"\bvpsrlq\b", code)) == 4 * octets
        assert len(re.findall(r"\bvpternlog[dq]\b", code)) == 14 * octets

    def test_sums_stay_in_registers(self) -> None:
        lines = assembly_of(ISAS["avx512"], "count", *EMITTERS["count"]).splitlines()
        found = [number for number, line in enumerate(lines) if "vperm" in line]
        inner = lines[found[0] : found[-1]]
        assert not [line for line in inner if re.search(r"%zmm\d+, -?\d*\(%rsp\)", line)]

    def test_sixteen_planes_of_a_quad_are_turned_by_eight_instructions(self) -> None:
        isa = ISAS["avx512"]
        isa = attrs.evolve(isa, features=isa.features + TURNING)
        emit = functools.partial(numbers.emit_sums, numbers.transpose)
        code = assembly_of(isa, "sums", emit, 6)
        assert len(re.findall(r"\bvgf2p8affineqb\b", code)) == 8
        assert len(re.findall(r"\bvpermt2[qb]\b", code)) == 16

    def test_bytes_of_eight_channels_are_parted_by_one_instruction(self) -> None:
        isa = ISAS["avx512"]
        isa = attrs.evolve(isa, features=isa.features + TURNING)
        emit = functools.partial(inputs.emit_gather_bytes, inputs.part_by_turning)
        code = assembly_of(isa, "gather", emit, 5)
        assert len(re.findall(r"\bvgf2p8affineqb\b", code)) == 1
        assert "vptest" not in code


def compiled(emit: Any, arguments: int) -> Any:
    """What an emitter emits, as a function of so many integers."""

    @intrinsic
    def call(typing, values):
        def generate(context, builder, signature, given):
            emit(builder, cgutils.unpack_tuple(builder, given[0]))
            return context.get_dummy_value()

        return types.void(types.UniTuple(types.intp, arguments)), generate

    @numba.njit
    def run(values):
        call(values)

    return run


# Nothing can be run of the faster ways where the CPU has no GFNI; their code is looked at above.
FASTER = not cpu_features().missing(TURNING)
READERS = [numbers.add_up, *[numbers.transpose] * FASTER]
PARTERS = [inputs.part_by_tests, *[inputs.part_by_turning] * FASTER]


@pytest.mark.parametrize("part", PARTERS)
class TestParting:
    def test_bytes_of_four_channels(self, part: Any) -> None:
        source = RNG.integers(0, 256, (3, 80), np.uint8)
        source[0, :3] = 0x80, 0x8F, 0xFF
        words = np.zeros((16, 8), np.uint8)
        gather = compiled(functools.partial(inputs.emit_gather, part), 4)
        gather((source.ctypes.data, 80, 3, words.ctypes.data))
        # Padding has no bits.
        seen = np.where(source[:, :64] & 0x80, 0, source[:, :64])
        expected = seen[:, None] >> np.arange(4, dtype=np.uint8)[:, None] & 1
        found = np.unpackbits(words, axis=1, bitorder="little")
        np.testing.assert_array_equal(found[:12], expected.reshape(12, 64))
        assert not found[12:].any()

    @pytest.mark.parametrize("pixels", [1, 37, 64, 70])
    def test_bytes_of_eight_channels(self, part: Any, pixels: int) -> None:
        source = RNG.integers(0, 256, (3, 70), np.uint8)
        words = np.zeros((25, 8), np.uint8)
        gather = compiled(functools.partial(inputs.emit_gather_bytes, part), 5)
        gather((source.ctypes.data, 70, 3, pixels, words.ctypes.data))
        seen = np.pad(source[:, :pixels], ((0, 0), (0, 64)))[:, :64]
        expected = seen[:, None] >> np.arange(8, dtype=np.uint8)[:, None] & 1
        found = np.unpackbits(words, axis=1, bitorder="little")
        np.testing.assert_array_equal(found[:24], expected.reshape(24, 64))
        assert not found[24:].any()


@pytest.mark.parametrize("read", READERS)
class TestNumbers:
    @pytest.mark.parametrize("planes", range(4, 17))
    def test_a_quad_is_read_bit_by_bit(self, read: Any, planes: int) -> None:
        generator = np.random.default_rng(planes)
        # Planes that are not the counter's hold anything.
        counter = generator.integers(0, 256, (16, 8, 8), np.uint8)
        out = np.zeros((4, 80), np.uint16)
        run = compiled(functools.partial(numbers.emit_numbers, read), 4)
        for quad in range(2):
            run((counter.ctypes.data + 32 * quad, planes, out.ctypes.data, 80))
            bits = np.unpackbits(counter[:planes], axis=2, bitorder="little")
            weights = 1 << np.arange(planes, dtype=np.int64)
            expected = np.tensordot(weights, bits[:, 4 * quad : 4 * quad + 4].astype(np.int64), 1)
            np.testing.assert_array_equal(out[:, :64], expected)
            assert not out[:, 64:].any()

    def test_dot_products_are_what_numbers_leave(self, read: Any) -> None:
        """Three quads of two octets of counters."""
        counters = RNG.integers(0, 256, (2, 16, 8, 8), np.uint8)
        out = np.zeros((4, 4, 64), np.int16)
        run = compiled(functools.partial(numbers.emit_sums, read), 6)
        run((counters.ctypes.data, counters[0].nbytes, 3, 11, 1500, out.ctypes.data))
        bits = np.unpackbits(counters[:, :11], axis=3, bitorder="little").astype(np.int64)
        found = np.tensordot(1 << np.arange(11), bits.transpose(1, 0, 2, 3), 1).reshape(4, 4, 64)
        np.testing.assert_array_equal(out[:3], 1500 - 2 * found[:3])
        assert not out[3].any()


def test_the_cpu_decides_which_way_is_gone() -> None:
    newer, older = ("avx512bw", *TURNING), ("avx512bw", "gfni")
    assert numbers.reader_for(newer) is numbers.transpose
    assert numbers.reader_for(older) is numbers.add_up
    assert inputs.parter_for(newer) is inputs.part_by_turning
    assert inputs.parter_for(older) is inputs.part_by_tests


class TestWeights:
    @given(
        channels=st.integers(1, 40),
        outputs=st.integers(1, 20),
        kernel=st.integers(1, 3),
        seed=st.integers(0, 2**32 - 1),
    )
    def test_indices_name_the_words_of_the_tables(
        self, channels: int, outputs: int, kernel: int, seed: int
    ) -> None:
        """Reading the tables of one pixel with them gives what adding mismatches gives."""
        generator = np.random.default_rng(seed)
        geometry = geometry_of(channels, outputs, (kernel, kernel), kernel)
        bits = generator.random((outputs, channels, kernel, kernel)) < 0.5
        found = sliced_weights(geometry, np.packbits(bits, axis=1, bitorder="little"))
        weights = bits.reshape(outputs, channels, -1).transpose(0, 2, 1).reshape(outputs, -1)
        seen = np.zeros(found.inputs, np.int64)
        seen[: weights.shape[1]] = generator.integers(0, 2, weights.shape[1])
        for channel, row in enumerate(weights):
            octet, word = divmod(channel, 8)
            octets = -(-outputs // 8)
            own = found.indices[:-64].reshape(octets, -1, 8, 8)[octet, :, word].reshape(-1)
            picks = np.stack([own & 15, own >> 4], axis=1).reshape(-1)
            parity = carries = 0
            for pair, pick in enumerate(picks[: found.inputs // 2]):
                x, y = seen[2 * pair], seen[2 * pair + 1]
                v, w, sign = pick & 1, pick >> 1 & 1, pick >> 2 & 1
                # The parity of an odd pair has the signs of its own inputs, too.
                sign ^= (v ^ w) * (pair % 2)
                total = (x ^ v) + (y ^ w) + (parity ^ sign)
                carries += total >> 1
                parity ^= x ^ y
            sign = found.signs[octet] >> word & 1
            expected = np.count_nonzero(seen[: len(row)] != row)
            assert 2 * carries + (parity ^ sign) == expected

    def test_pixels_are_of_as_many_kinds_as_borders_make(self) -> None:
        kinds = pixel_kinds(geometry_of(4, 4, (5, 7), 3, padding=1))
        assert len(kinds.valid) == 9
        assert kinds.of_pixel.shape == (35,)
        assert len(set(kinds.of_pixel[[0, 6, 28, 34, 1, 29, 7, 13, 8]])) == 9
        assert len(pixel_kinds(geometry_of(4, 4, (5, 7), 1)).valid) == 1

    def test_what_padding_counts_is_known(self) -> None:
        geometry = geometry_of(5, 3, (4, 4), 3, padding=1)
        weights = RNG.random((3, 5, 3, 3)) < 0.5
        bits = weight_bits(geometry, np.packbits(weights, axis=1, bitorder="little"))
        kinds = pixel_kinds(geometry)
        found = mismatches_on_padding(bits, kinds)[kinds.of_pixel].reshape(4, 4, 3)
        assert not found[1:3, 1:3].any()
        np.testing.assert_array_equal(found[0, 1], weights[:, :, 0].sum(axis=(1, 2)))

    @pytest.mark.parametrize("size", [(3, 3), (8, 8), (16, 16), (9, 15)])
    def test_starts_are_numbers_bit_by_bit(self, size: tuple[int, int]) -> None:
        kinds = pixel_kinds(geometry_of(4, 11, size, 3, padding=1))
        numbers = RNG.integers(-100, 100, (len(kinds.valid), 11))
        starts = start_planes(numbers, kinds, 9)
        words = starts.planes.view("<u8")[starts.of_block]
        pixels = np.arange(size[0] * size[1])
        for channel in range(11):
            octet, word = divmod(channel, 8)
            own = words[pixels // 64, octet, :, word] >> (pixels % 64)[:, None].astype(np.uint64)
            values = ((own & np.uint64(1)) << np.arange(9, dtype=np.uint64)).sum(axis=1)
            np.testing.assert_array_equal(values, numbers[kinds.of_pixel, channel] % 512)
        # Blocks that look alike share what they start with.
        assert len(starts.planes) <= min(3, len(starts.of_block)) or size == (9, 15)

    def test_starts_are_made_in_little_memory(self) -> None:
        """Rows of an odd length have as many patterns as pixels: all bits at once would not do."""
        kinds = pixel_kinds(geometry_of(4, 256, (57, 57), 3, padding=1))
        numbers = RNG.integers(-1000, 1000, (len(kinds.valid), 256))
        tracemalloc.start()
        starts = start_planes(numbers, kinds, 12)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < 5 * starts.planes.nbytes


#: Channels, outputs, (height, width), kernel, options: short and long sums, more octets than go
#: together, odd numbers of channels, blocks that are not full, strides.
LAYERS = [
    (1, 1, (1, 1), 1, {}),
    (3, 9, (5, 13), 3, {"padding": 1}),
    (36, 36, (16, 16), 3, {"padding": 1}),
    (40, 72, (7, 7), 3, {"padding": 1}),
    (57, 31, (9, 8), 3, {"padding": 2, "dilation": 2}),
    (64, 33, (8, 8), 1, {}),
    (64, 20, (12, 9), 3, {"padding": 1, "stride": 2}),
    (36, 20, (16, 12), 3, {"padding": 1, "stride": 2}),
    (9, 11, (10, 130), 3, {"padding": 1, "stride": 2}),
    (17, 8, (6, 6), 1, {"stride": 2}),
    (12, 8, (14, 14), 2, {"stride": 2}),
    (12, 8, (15, 21), 5, {"padding": 2, "stride": 3}),
    (8, 8, (8, 12), 3, {"padding": (1, 2), "dilation": (1, 3), "stride": (1, 2)}),
    (70, 7, (6, 11), 5, {"padding": 1}),
    (600, 40, (4, 17), 1, {}),
    (600, 70, (3, 3), 3, {"padding": 1}),
    (3500, 12, (2, 3), 3, {"padding": 1}),
]


@on_avx512
@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("images", [1, 3])
def test_layers_equal_the_oracle(backend: str, layer: tuple[Any, ...], images: int) -> None:
    channels, outputs, size, kernel, options = layer
    x = RNG.choice(np.array([-1, 1], np.float32), (images, channels, *size))
    w = RNG.choice(np.array([-1, 1], np.float32), (outputs, channels, kernel, kernel))
    expected = oracles.conv2d(x, w, **options)
    limits = RNG.integers(-20, 20, outputs).astype(np.int32)
    flips = RNG.random(outputs) < 0.5
    shared = {**options, "backend": backend}
    counts = binops.Conv2d(w, x.shape, **shared)(x)
    np.testing.assert_array_equal(counts, expected)
    threshold = binops.Threshold(limits, flips)
    bits = binops.Conv2d(w, x.shape, epilogue=threshold, **shared)(x)
    wanted = (expected >= limits[:, None, None]) ^ flips[:, None, None]
    np.testing.assert_array_equal(binops.unpack(bits) > 0, wanted)


@on_avx512
@settings(deadline=None, max_examples=40)
@given(
    channels=st.integers(1, 90),
    outputs=st.integers(1, 90),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    extreme=st.sampled_from([-(2**31), -5000, 0, 5000, 2**31 - 1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_threshold_of_any_layer(
    backend: str,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    extreme: int,
    seed: int,
) -> None:
    generator = np.random.default_rng(seed)
    x = generator.choice(np.array([-1, 1], np.float32), (2, channels, height, width))
    w = generator.choice(np.array([-1, 1], np.float32), (outputs, channels, 3, 3))
    expected = oracles.conv2d(x, w, padding=1)
    # Limits that counts meet exactly, and one that none or all do.
    limits = generator.choice(expected.reshape(-1), outputs).astype(np.int32)
    limits[0] = extreme
    flips = generator.random(outputs) < 0.5
    plan = binops.Conv2d(
        w, x.shape, padding=1, epilogue=binops.Threshold(limits, flips), backend=backend
    )
    wanted = (expected >= limits[:, None, None]) ^ flips[:, None, None]
    np.testing.assert_array_equal(binops.unpack(plan(x)) > 0, wanted)


@on_avx512
@pytest.mark.parametrize("channels", [12, 13])
def test_packed_bits_or_planes_are_read_alike(backend: str, channels: int) -> None:
    """The former by `Conv2d`, the latter in networks, odd numbers of channels as other numbers."""
    x = RNG.choice(np.array([-1, 1], np.float32), (2, channels, 9, 10))
    w = RNG.choice(np.array([-1, 1], np.float32), (20, channels, 3, 3))
    geometry = tape.conv_geometry(x.shape[1:], w.shape, padding=1)
    builder = tape.TapeBuilder(ISAS[backend], 2)
    layout = tape.planes_read(builder.isa, geometry)
    assert layout.columns == (0,)
    planes = tape.add_planes(builder, layout)
    data = binops.pack(x, axis=1).data
    tape.add_stage(builder, tape.Pointer(tape.PORT, 0, data.strides[0]), planes, 1)
    counts = np.zeros((2, 20, 9, 10), np.int32)
    conv = tape.ConvWriter(builder, geometry, binops.pack(w, axis=1).data, planes)
    conv.add_counts(tape.Pointer(tape.PORT + 1, 0, counts.strides[0]), 4 * 90)
    conv.write()
    built = builder.build()
    ports = np.array([[a.ctypes.data, a.strides[0]] for a in (data, counts)], np.int64)
    built.run(built.arena(), ports, 2)
    np.testing.assert_array_equal(counts, oracles.conv2d(x, w, padding=1))
