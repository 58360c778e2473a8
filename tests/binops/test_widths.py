"""Every kernel at every width: bytes, words and vectors that are just full, and just not.

Few examples of what takes long; `make nightly` sets its own numbers.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnas import binops
from bnas.binops import tape
from bnas.binops.table.isa import GENERIC, ISAS, Isa

BACKENDS = [name for name, found in binops.backends().items() if found and name != "cuda"]
TAPES = [GENERIC, *(ISAS[name] for name in BACKENDS if name in ISAS)]
#: Bits of a byte, of words, and of the vectors of SSE, AVX2 and AVX-512, twice that too.
FULL = (8, 16, 32, 64, 128, 256, 512, 1024)
EVERY = range(1, 530)

_near_full = st.builds(operator.add, st.sampled_from(FULL), st.integers(-2, 2))
widths = st.integers(1, 72) | _near_full | st.integers(1, 1100)
few = st.integers(1, 72) | st.builds(operator.add, st.sampled_from(FULL[:5]), st.integers(-2, 2))
seeds = st.integers(0, 2**32 - 1)


def signs(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """float32 ±1."""
    return np.where(generator.random(shape) < 0.5, np.float32(-1), np.float32(1))


def packed(x: np.ndarray, axis: int) -> np.ndarray:
    return np.packbits(x > 0, axis=axis, bitorder="little")


def dense_conv(x: np.ndarray, w: np.ndarray, padding: int) -> np.ndarray:
    """int32 (N, O, OH, OW): one matrix product, exact as float32 holds integers below 2^24."""
    sides = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), sides, sides))
    seen = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], (2, 3))
    product = np.tensordot(seen, w, ((1, 4, 5), (1, 2, 3)))
    return np.ascontiguousarray(product.transpose(0, 3, 1, 2)).astype(np.int32)


@given(width=widths, axis=st.integers(0, 2), seed=seeds)
def test_pack_and_unpack(width: int, axis: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    shape = [2, 3, 2]
    shape[axis] = width
    x = generator.standard_normal(shape, np.float32)
    bits = binops.pack(x, axis=axis)
    ones = x >= 0
    np.testing.assert_array_equal(bits.data, np.packbits(ones, axis=axis, bitorder="little"))
    np.testing.assert_array_equal(binops.unpack(bits) > 0, ones)


@given(width=widths, pixels=few, seed=seeds)
def test_pack_of_planes_with_thresholds(width: int, pixels: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.integers(-2, 3, (2, width, 1, pixels)).astype(np.float32)
    threshold = generator.integers(-2, 3, width).astype(np.float32)
    flip = generator.random(width) < 0.5
    expected = (x >= threshold[:, None, None]) ^ flip[:, None, None]
    bits = binops.pack(x, threshold=threshold, flip=flip)
    np.testing.assert_array_equal(bits.data, np.packbits(expected, axis=1, bitorder="little"))


@given(depth=widths, rows=few, columns=st.integers(1, 9), seed=seeds)
def test_gemm(depth: int, rows: int, columns: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = signs(generator, columns, depth), signs(generator, rows, depth)
    np.testing.assert_array_equal(binops.gemm(a, b), a @ b.T)


@settings(max_examples=25)
@given(
    channels=widths,
    outputs=few,
    size=st.tuples(st.integers(1, 4), few),
    kernel=st.sampled_from([1, 3]),
    seed=seeds,
)
def test_conv2d(channels: int, outputs: int, size: tuple[int, int], kernel: int, seed: int) -> None:
    """Channels, outputs and the pixels of a row; never all of them large."""
    generator = np.random.default_rng(seed)
    if channels > 72:
        outputs, size = 1 + outputs % 20, (size[0], 1 + size[1] % 20)
    x = signs(generator, 2, channels, *size)
    w = signs(generator, outputs, channels, kernel, kernel)
    expected = dense_conv(x, w, kernel // 2)
    limit = generator.choice(expected.reshape(-1), outputs)
    flip = generator.random(outputs) < 0.5
    scale = generator.standard_normal(outputs, np.float32)
    epilogue = (binops.Counts(), binops.Threshold(limit, flip), binops.Scale(scale, relu=True))
    plan = binops.Conv2d(w, x.shape, padding=kernel // 2, epilogue=epilogue)
    counts, bits, floats = plan(x)
    np.testing.assert_array_equal(counts, expected)
    wanted = (expected >= limit[:, None, None]) ^ flip[:, None, None]
    np.testing.assert_array_equal(bits.data, np.packbits(wanted, axis=1, bitorder="little"))
    scaled = expected.astype(np.float32) * scale[:, None, None]
    np.testing.assert_array_equal(floats, np.maximum(scaled, np.float32(0)))


@given(width=widths, columns=st.integers(2, 20), seed=seeds)
def test_max_pool2d(width: int, columns: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = signs(generator, 2, width, 4, columns)
    invert = generator.random(width) < 0.5
    rising = np.where(invert[:, None, None], -x, x)
    seen = np.lib.stride_tricks.sliding_window_view(rising, (2, 2), (2, 3))[:, :, ::2, ::2]
    expected = (seen.max(axis=(4, 5)) > 0) ^ invert[:, None, None]
    pooled = binops.max_pool2d(binops.pack(x), 2, invert=invert)
    np.testing.assert_array_equal(pooled.data, np.packbits(expected, axis=1, bitorder="little"))


# The fixture is a class, and has nothing that one example could leave to the next.
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("isa", TAPES, ids=lambda isa: isa.name)
@given(channels=few, size=st.tuples(st.integers(1, 5), few), images=st.integers(1, 3), seed=seeds)
def test_planes_of_tapes(
    workbench: Any, isa: Isa, channels: int, size: tuple[int, int], images: int, seed: int
) -> None:
    """Bits are staged, floats compared, rows added; all of it comes back."""
    generator = np.random.default_rng(seed)
    bits = generator.random((images, channels, *size)) < 0.5
    values = generator.integers(-2, 3, bits.shape).astype(np.float32)
    threshold = generator.integers(-2, 4, channels).astype(np.float32)
    flip = generator.random(channels) < 0.5
    bench = workbench(isa, images)
    planes = bench.plain_planes((channels, *size), (-1, 0, 2), border=1)
    bench.stage(bits, planes)
    compared = bench.plain_planes((channels, *size))
    rows = bench.load(values)
    tape.add_float(bench.builder, tape.Float.ADD, bench.load(values), rows)
    reader = tape.add_reader(bench.builder, threshold, flip, compared)
    tape.add_pack(bench.builder, rows, [reader])
    staged, signed = bench.signs(planes, channels), bench.signs(compared, channels)
    floats = bench.floats(rows, size)
    bench.run()
    np.testing.assert_array_equal(staged > 0, bits)
    np.testing.assert_array_equal(floats, 2 * values)
    wanted = (2 * values >= threshold[:, None, None]) ^ flip[:, None, None]
    np.testing.assert_array_equal(signed > 0, wanted)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("isa", TAPES, ids=lambda isa: isa.name)
@given(channels=few, outputs=few, columns=few, seed=seeds)
def test_convolutions_of_tapes(
    workbench: Any, isa: Isa, channels: int, outputs: int, columns: int, seed: int
) -> None:
    """Planes to bits, on planes that another layer reads."""
    generator = np.random.default_rng(seed)
    size = (3, columns)
    x, w = signs(generator, 2, channels, *size), signs(generator, outputs, channels, 3, 3)
    expected = dense_conv(x, w, 1)
    geometry = tape.conv_geometry((channels, *size), w.shape, padding=1)
    bench = workbench(isa, 2)
    planes = bench.plain_planes((channels, *size))
    bench.stage(x > 0, planes)
    layout = tape.layout_for(geometry).together(channels)
    writer = tape.ConvWriter(
        bench.builder, geometry, packed(w, 1), tape.add_restage(bench.builder, planes, layout)
    )
    counts = np.zeros(expected.shape, np.int32)
    writer.add_counts(bench.port(counts), 4 * 3 * columns)
    writer.write()
    bench.run()
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_width_up_to_two_cache_lines(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No width is left to chance: a product and a convolution of 1, 2, … channels."""
    monkeypatch.setenv("BNAS_BINOPS_BACKEND", backend)
    generator = np.random.default_rng(0)
    x, w = signs(generator, 2, EVERY.stop), signs(generator, 3, EVERY.stop)
    for width in EVERY:
        a, b = x[:, :width], w[:, :width]
        expected = a @ b.T
        np.testing.assert_array_equal(binops.unpack(binops.pack(a)), a)
        np.testing.assert_array_equal(binops.gemm(a, b), expected)
        counts = binops.conv2d(a[..., None, None], b[..., None, None])
        np.testing.assert_array_equal(counts[..., 0, 0], expected)
