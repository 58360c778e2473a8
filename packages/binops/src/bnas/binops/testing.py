"""Hypothesis strategies for property tests of binary kernels, one's own included.

Needs the extra ``testing``: ``pip install "bnas-binops[testing]"``. Every strategy has bounds by
keyword, and the widest cases that are still quick to check as its default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bnas.binops import BitTensor, pack
from bnas.binops.cases import ConvCase, GemmCase, PoolCase
from bnas.binops.errors import MissingExtraError

try:
    from hypothesis import strategies as st
except ImportError as _error:
    raise MissingExtraError(
        "bnas.binops.testing needs Hypothesis (it is not installed); install the extra: "
        'pip install "bnas-binops[testing]"'
    ) from _error

__all__ = [
    "ConvCase",
    "GemmCase",
    "PoolCase",
    "conv_cases",
    "gemm_cases",
    "packed_arrays",
    "pool_cases",
    "sign_arrays",
]

# Zeros, both of them, and the least and largest magnitudes: where a sign is easily got wrong.
_SPECIAL_VALUES = (0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 3e38, -3e38, np.inf, -np.inf)


def _random_signs(seed: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Numbers of both signs, a tenth of them special values.

    Drawn from a seed, not element by element: shapes are what shrinks usefully in a kernel, and
    an image of single draws would take Hypothesis longer than the kernel.
    """
    generator = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        whole = generator.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
        near_zero = generator.integers(0, 2, shape).astype(dtype)
        return np.where(generator.random(shape) < 0.1, near_zero, whole)
    values = generator.standard_normal(shape).astype(np.float32)
    special = np.array(_SPECIAL_VALUES, np.float32)[generator.integers(0, 10, shape)]
    mixed = np.where(generator.random(shape) < 0.1, special, values)
    return np.clip(mixed, -np.finfo(dtype).max, np.finfo(dtype).max).astype(dtype)


_SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def sign_arrays(
    draw: Callable[..., Any],
    *,
    shape: tuple[int, ...] | None = None,
    min_ndim: int = 1,
    max_ndim: int = 5,
    min_side: int = 0,
    max_side: int = 20,
    dtypes: tuple[Any, ...] = ("f2", "f4", "f8", "i1", "u1", "i4", "i8", "u8", "?"),
) -> np.ndarray:
    """Arrays without NaN: zeros of both signs, tiny and huge values, in C order or strided.

    Args:
        draw: Given by Hypothesis.
        shape: The shape; None draws one.
        min_ndim: Least number of axes.
        max_ndim: Largest number of axes.
        min_side: Least length of an axis.
        max_side: Largest length of an axis; with more than three axes about half of it.
        dtypes: The types to draw from.

    Returns:
        An array; transposed, reversed or sliced memory where Hypothesis draws so.
    """
    if shape is None:
        ndim = draw(st.integers(min_ndim, max_ndim))
        top = max_side if ndim <= 3 else max(min_side, max_side // 3)
        shape = tuple(draw(st.integers(min_side, top)) for _ in range(ndim))
    dtype = draw(st.sampled_from(dtypes))
    layout = draw(st.sampled_from(("C order", "transposed", "reversed", "sliced")))
    seed = draw(_SEEDS)
    if layout == "transposed":
        return _random_signs(seed, shape[::-1], dtype).T
    if layout == "reversed":
        return _random_signs(seed, shape, dtype)[..., ::-1]
    if layout == "sliced":
        return _random_signs(seed, (*shape[:-1], 2 * shape[-1]), dtype)[..., ::2]
    return _random_signs(seed, shape, dtype)


@st.composite
def packed_arrays(
    draw: Callable[..., Any],
    *,
    shape: tuple[int, ...] | None = None,
    axis: int | None = None,
    min_ndim: int = 1,
    max_ndim: int = 5,
    min_side: int = 0,
    max_side: int = 20,
) -> BitTensor:
    """BitTensors of any shape and packed axis, ragged tails included.

    Args:
        draw: Given by Hypothesis.
        shape: The logical shape; None draws one.
        axis: The packed axis; None draws one.
        min_ndim: Least number of axes.
        max_ndim: Largest number of axes.
        min_side: Least length of an axis.
        max_side: Largest length of an axis.

    Returns:
        A valid BitTensor.
    """
    bounds = {"min_ndim": min_ndim, "max_ndim": max_ndim, "min_side": min_side}
    x = draw(sign_arrays(shape=shape, max_side=max_side, dtypes=("?",), **bounds))
    return pack(x, axis=draw(st.integers(0, x.ndim - 1)) if axis is None else axis)


@st.composite
def gemm_cases(
    draw: Callable[..., Any],
    *,
    min_rows: int = 0,
    max_rows: int = 20,
    min_depth: int = 0,
    max_depth: int = 300,
) -> GemmCase:
    """Operands of a matrix product.

    Args:
        draw: Given by Hypothesis.
        min_rows: Least M and N.
        max_rows: Largest M and N.
        min_depth: Least K.
        max_depth: Largest K.

    Returns:
        A case.
    """
    rows = st.integers(min_rows, max_rows)
    m, n, k = draw(rows), draw(rows), draw(st.integers(min_depth, max_depth))
    a = draw(sign_arrays(shape=(m, k), dtypes=("f4",)))
    return GemmCase(a, draw(sign_arrays(shape=(n, k), dtypes=("f4",))))


def _pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    """Pairs of ints."""
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def conv_cases(
    draw: Callable[..., Any],
    *,
    max_images: int = 3,
    max_channels: int = 24,
    max_size: int = 12,
    max_kernel: int = 5,
    max_stride: int = 3,
    max_dilation: int = 3,
    max_groups: int = 6,
) -> ConvCase:
    """Convolutions of any geometry: empty batches, ragged groups, windows all on padding.

    Args:
        draw: Given by Hypothesis.
        max_images: Largest batch.
        max_channels: Largest number of input channels, and of output channels.
        max_size: Largest height and width; more where the kernel needs it.
        max_kernel: Largest kernel.
        max_stride: Largest stride.
        max_dilation: Largest dilation.
        max_groups: Largest number of groups.

    Returns:
        A case in which the kernel fits the padded input.
    """
    kernel, padding = draw(_pairs(1, max_kernel)), draw(_pairs(0, max_kernel))
    stride, dilation = draw(_pairs(1, max_stride)), draw(_pairs(1, max_dilation))
    groups = draw(st.integers(1, min(max_groups, max_channels)))
    per_group = st.integers(1, max_channels // groups)
    group_channels, group_outputs = draw(per_group), draw(per_group)
    least = [
        max(1, d * (k - 1) + 1 - 2 * p) for k, p, d in zip(kernel, padding, dilation, strict=True)
    ]
    size = tuple(draw(st.integers(low, max(low, max_size))) for low in least)
    images = draw(st.integers(0, max_images))
    x_shape = (images, groups * group_channels, *size)
    w_shape = (groups * group_outputs, group_channels, *kernel)
    x = draw(sign_arrays(shape=x_shape, dtypes=("f4",)))
    w = draw(sign_arrays(shape=w_shape, dtypes=("f4",)))
    return ConvCase(x, w, stride, padding, dilation, groups)


@st.composite
def pool_cases(
    draw: Callable[..., Any],
    *,
    max_images: int = 3,
    max_channels: int = 20,
    max_size: int = 12,
    max_kernel: int = 4,
) -> PoolCase:
    """Max poolings of any geometry.

    Args:
        draw: Given by Hypothesis.
        max_images: Largest batch.
        max_channels: Largest number of channels.
        max_size: Largest height and width; more where the window needs it.
        max_kernel: Largest window.

    Returns:
        A case in which the window fits the padded input and never lies on padding alone.
    """
    kernel, stride = draw(_pairs(1, max_kernel)), draw(_pairs(1, 3))
    padding = tuple(draw(st.integers(0, side - 1)) for side in kernel)
    least = [max(1, k - 2 * p) for k, p in zip(kernel, padding, strict=True)]
    size = tuple(draw(st.integers(low, max(low, max_size))) for low in least)
    channels = draw(st.integers(1, max_channels))
    images = draw(st.integers(0, max_images))
    x = draw(sign_arrays(shape=(images, channels, *size), dtypes=("f4",)))
    invert = _random_signs(draw(_SEEDS), (channels,), "?")
    return PoolCase(x, kernel, stride, padding, invert)
