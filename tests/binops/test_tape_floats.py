"""Float operations of a tape equal NumPy; sums are of small integers, so that they are exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from bnas.binops import tape
from bnas.binops.table.isa import Isa

RNG = np.random.default_rng(0)


def integers(*shape: int) -> np.ndarray:
    return RNG.integers(-4, 5, shape).astype(np.float32)


def windows(
    x: np.ndarray, kernel: int, stride: int, padding: int, dilation: int, fill: float
) -> np.ndarray:
    """What every output sees: (N, C, OH, OW, kernel, kernel)."""
    sides = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=fill)
    reach = dilation * (kernel - 1) + 1
    seen = sliding_window_view(padded, (reach, reach), (2, 3))
    return seen[:, :, ::stride, ::stride, ::dilation, ::dilation]


OPERATIONS = {
    tape.Float.FILL: lambda s, t, *_: np.zeros_like(t),
    tape.Float.COPY: lambda s, t, *_: s,
    tape.Float.ADD: lambda s, t, *_: t + s,
    tape.Float.AFFINE: lambda s, t, a, b, _: s * a + b,
    tape.Float.RELU: lambda s, t, *_: np.maximum(s, 0),
    tape.Float.RPRELU: lambda s, t, a, b, c: np.where(s >= a, s - a, (s - a) * b) + c,
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("size", [(1, 1), (5, 13)])
def test_rows(workbench: Any, isa: Isa, operation: tape.Float, size: tuple[int, int]) -> None:
    source, before = (RNG.standard_normal((3, 5, *size), np.float32) for _ in range(2))
    parameters = [RNG.standard_normal(5).astype(np.float32) for _ in range(3)]
    bench = workbench(isa, 3)
    target = bench.load(before)
    tape.add_float(bench.builder, operation, bench.load(source), target, *parameters)
    result = bench.floats(target, size)
    bench.run()
    columns = [part[:, None, None] for part in parameters]
    np.testing.assert_array_equal(result, OPERATIONS[operation](source, before, *columns))


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (7, 9), (8, 8)])
def test_mean(workbench: Any, isa: Isa, size: tuple[int, int]) -> None:
    source = RNG.standard_normal((3, 5, *size), np.float32)
    bench = workbench(isa, 3)
    target = bench.rows((5, 1, 1))
    tape.add_float(bench.builder, tape.Float.MEAN, bench.load(source), target)
    result = bench.floats(target, (1, 1))
    bench.run()
    expected = source.mean((2, 3), np.float64).astype(np.float32)
    np.testing.assert_allclose(result[:, :, 0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("is_max", [True, False])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation"),
    [
        ((8, 10), 3, 2, 1, 1),  # the one with a kernel of its own
        ((7, 34), 3, 2, 1, 1),
        ((2, 2), 3, 2, 1, 1),
        ((8, 11), 3, 2, 1, 1),
        ((8, 10), 3, 2, 1, 2),
        ((1, 1), 1, 1, 0, 1),
        ((5, 70), 2, 3, 1, 1),
        ((9, 8), 3, 1, 1, 2),
        ((9, 8), 2, 1, 1, 4),
        ((8, 10), 2, 2, 0, 1),  # another one, for means
        ((2, 66), 2, 2, 0, 1),
        ((7, 10), 2, 2, 0, 1),
    ],
)
def test_pools(
    workbench: Any,
    isa: Isa,
    is_max: bool,
    size: tuple[int, int],
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
) -> None:
    source = integers(3, 5, *size)
    seen = windows(source, kernel, stride, padding, dilation, -np.inf if is_max else 0)
    inside = windows(np.ones_like(source), kernel, stride, padding, dilation, 0)
    expected = seen.max((4, 5)) if is_max else seen.sum((4, 5)) / inside.sum((4, 5))
    out_size = expected.shape[2:]
    bench = workbench(isa, 3)
    target = bench.rows((5, *out_size))
    window = tape.Window(kernel, stride, padding, dilation)
    sizes = (size, out_size)
    tape.add_pool(bench.builder, bench.load(source), target, sizes, window, is_max=is_max)
    result = bench.floats(target, out_size)
    bench.run()
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("inputs", [1, 17, 130])
@pytest.mark.parametrize("outputs", [1, 6])
def test_linear(workbench: Any, isa: Isa, inputs: int, outputs: int) -> None:
    source, weight, bias = integers(3, inputs, 1, 1), integers(outputs, inputs), integers(outputs)
    bench = workbench(isa, 3)
    target = bench.rows((outputs, 1, 1))
    tape.add_linear(bench.builder, bench.load(source), target, weight, bias)
    result = bench.floats(target, (1, 1))
    bench.run()
    np.testing.assert_array_equal(result[:, :, 0, 0], source[:, :, 0, 0] @ weight.T + bias)


def convolve(x: np.ndarray, weight: np.ndarray, groups: int, *geometry: int) -> np.ndarray:
    """The oracle: weights are (groups, O / groups, I / groups * kernel * kernel)."""
    seen = windows(x, *geometry, 0)
    count, channels, height, width = seen.shape[:4]
    parts = seen.reshape(count, groups, channels // groups, height, width, -1)
    split = weight.reshape(groups, weight.shape[1], channels // groups, -1)
    return np.einsum("ngihwk,goik->ngohw", parts, split).reshape(count, -1, height, width)


@pytest.mark.parametrize(
    ("shape", "outputs", "groups", "geometry"),
    [
        ((3, 8, 8), 4, 1, (3, 1, 1, 1)),
        ((3, 9, 70), 7, 1, (3, 2, 1, 1)),
        ((3, 40, 41), 13, 1, (7, 2, 3, 1)),
        ((4, 6, 6), 6, 1, (2, 2, 0, 1)),
        ((6, 11, 12), 10, 2, (3, 3, 1, 1)),
        ((5, 9, 9), 5, 5, (3, 2, 2, 2)),
        ((4, 12, 7), 8, 4, (3, 1, 2, 2)),
        ((70, 5, 5), 3, 1, (3, 1, 1, 1)),  # more taps than are summed at a time
        ((70, 5, 5), 12, 1, (2, 1, 0, 1)),
        ((1, 1, 1), 1, 1, (1, 1, 0, 1)),
        ((2, 1, 130), 3, 1, (1, 1, 0, 1)),
        ((130, 7, 7), 9, 1, (1, 1, 0, 1)),  # a pixel behind three vectors; channels as they lie
        ((20, 14, 14), 17, 1, (3, 1, 1, 1)),  # such a pixel in several tiles, in two parts
        ((2, 190, 191), 5, 1, (3, 1, 1, 1)),  # several sets of rows, none of whole vectors
    ],
)
@pytest.mark.parametrize("relu", [False, True])
def test_real_convolutions(
    workbench: Any,
    isa: Isa,
    shape: tuple[int, int, int],
    outputs: int,
    groups: int,
    geometry: tuple[int, int, int, int],
    relu: bool,
) -> None:
    kernel, stride, padding, dilation = geometry
    source = integers(3, *shape)
    weight = integers(groups, outputs // groups, shape[0] // groups * kernel**2)
    bias = integers(outputs) if relu else None
    expected = convolve(source, weight, groups, *geometry)
    if bias is not None:
        expected = np.maximum(expected + bias[:, None, None], 0)
    out_size = expected.shape[2:]
    bench = workbench(isa, 3)
    target = bench.rows((outputs, *out_size))
    sizes = (shape[1:], out_size)
    tape.add_real_conv(
        bench.builder,
        bench.load(source),
        target,
        (weight, bias),
        sizes,
        tape.Window(*geometry),
        relu=relu,
    )
    result = bench.floats(target, out_size)
    bench.run()
    np.testing.assert_array_equal(result, expected)
