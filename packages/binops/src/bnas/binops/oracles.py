"""The naive twin of every kernel: slow, obvious, and what the kernels are tested against.

Each works on dense ±1 integers in NumPy and shares no code with the kernels. All take plain
arrays, binarised by ``>= 0`` (bool: True = +1), or BitTensors, unless they say otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops.bits import BitTensor
from bnas.binops.epilogues import Scale, Threshold
from bnas.binops.geometry import Pair


def signs(x: Any) -> np.ndarray:
    """The signs of numbers or bits.

    Args:
        x: Numbers of any shape (...), or a BitTensor.

    Returns:
        int64 (...), of the same logical shape, +1 or -1.
    """
    if isinstance(x, BitTensor):
        return unpack(x).astype(np.int64)
    array = np.asarray(x)
    ones = array if array.dtype == np.bool_ else array >= 0
    return np.where(ones, 1, -1).astype(np.int64)


def pack(x: Any, axis: int = 1, *, threshold: Any = None, flip: Any = None) -> BitTensor:
    """Twin of `bnas.binops.pack`, bit by bit.

    Args:
        x: Numbers of any shape (...), without NaN.
        axis: The axis to pack.
        threshold: float32 (x.shape[axis],), or None for 0.
        flip: bool (x.shape[axis],), or None.

    Returns:
        bits (...), the packed signs.
    """
    array = np.asarray(x)
    values = np.moveaxis(np.where(array, 1, -1) if array.dtype == np.bool_ else array, axis, -1)
    length = values.shape[-1]
    data = np.zeros((*values.shape[:-1], -(-length // 8)), np.uint8)
    for index in np.ndindex(values.shape):
        element = index[-1]
        cut = 0 if threshold is None else float(np.float32(threshold[element]))
        one = values[index].item() >= cut
        if flip is not None and flip[element]:
            one = not one
        data[(*index[:-1], element // 8)] |= int(one) << (element % 8)
    packed = np.ascontiguousarray(np.moveaxis(data, -1, axis))
    return BitTensor(packed, axis=axis % array.ndim, length=length)


def unpack(bits: BitTensor) -> np.ndarray:
    """Twin of `bnas.binops.unpack`, element by element.

    Args:
        bits: Packed signs, bits (...).

    Returns:
        int8 (...), +1 or -1.
    """
    data = np.moveaxis(bits.data, bits.axis, -1)
    out = np.empty((*data.shape[:-1], bits.length), np.int8)
    for element in range(bits.length):
        out[..., element] = np.where((data[..., element // 8] >> (element % 8)) & 1, 1, -1)
    return np.moveaxis(out, -1, bits.axis)


def gemm(a: Any, b: Any) -> np.ndarray:
    """Twin of `bnas.binops.gemm`.

    Args:
        a: (M, K).
        b: (N, K).

    Returns:
        int32 (M, N).
    """
    products: np.ndarray = signs(a) @ signs(b).T
    return products.astype(np.int32)


def conv2d(
    x: Any, w: Any, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1, groups: int = 1
) -> np.ndarray:
    """Twin of `bnas.binops.conv2d`: dense integers, and zeros where there is padding.

    Args:
        x: (N, C, H, W).
        w: (O, C / groups, KH, KW).
        stride: Steps between outputs.
        padding: Zeros on every side.
        dilation: Steps between taps.
        groups: Number of groups.

    Returns:
        int32 (N, O, OH, OW).
    """
    (sh, sw), (ph, pw), (dh, dw) = (_pair(value) for value in (stride, padding, dilation))
    padded = np.pad(signs(x), ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    weights = signs(w)
    outputs, channels, kh, kw = weights.shape
    height = (padded.shape[2] - dh * (kh - 1) - 1) // sh + 1
    width = (padded.shape[3] - dw * (kw - 1) - 1) // sw + 1
    out = np.zeros((len(padded), outputs, height, width), np.int64)
    for output in range(outputs):
        group = output // (outputs // groups)
        source = padded[:, group * channels : (group + 1) * channels]
        for ky in range(kh):
            for kx in range(kw):
                rows = slice(ky * dh, ky * dh + sh * (height - 1) + 1, sh)
                columns = slice(kx * dw, kx * dw + sw * (width - 1) + 1, sw)
                out[:, output] += np.einsum(
                    "nchw,c->nhw", source[:, :, rows, columns], weights[output, :, ky, kx]
                )
    return out.astype(np.int32)


def threshold(counts: np.ndarray, epilogue: Threshold) -> BitTensor:
    """Twin of the epilogue `Threshold`.

    Args:
        counts: int32 (N, O, H, W).
        epilogue: Thresholds and flips of the O channels.

    Returns:
        bits (N, O, H, W), packed on axis 1.
    """
    ones = (counts >= epilogue.threshold[:, None, None]) ^ epilogue.flip[:, None, None]
    return BitTensor(np.packbits(ones, axis=1, bitorder="little"), axis=1, length=counts.shape[1])


def scale(counts: np.ndarray, epilogue: Scale, out: np.ndarray | None = None) -> np.ndarray:
    """Twin of the epilogue `Scale`, in NumPy's float32.

    Args:
        counts: int32 (N, O, H, W).
        epilogue: Scales of the O channels.
        out: float32 (N, O, H, W), what to add to if the epilogue accumulates; left as it is.

    Returns:
        float32 (N, O, H, W).
    """
    values: np.ndarray = counts.astype(np.float32) * epilogue.scale[:, None, None]
    if epilogue.relu:
        values = np.where(values > 0, values, np.float32(0))
    return np.add(out, values) if epilogue.accumulate and out is not None else values


def max_pool2d(
    bits: Any, kernel: Pair, *, stride: Pair | None = None, padding: Pair = 0, invert: Any = None
) -> BitTensor:
    """Twin of `bnas.binops.max_pool2d`: a max of ±1, a min where `invert` is True.

    Args:
        bits: (N, C, H, W).
        kernel: Window.
        stride: Steps between windows; None takes `kernel`.
        padding: Pixels on every side, neutral.
        invert: bool (C,), or None.

    Returns:
        bits (N, C, OH, OW), packed on axis 1.
    """
    kh, kw = _pair(kernel)
    sh, sw = (kh, kw) if stride is None else _pair(stride)
    ph, pw = _pair(padding)
    values = signs(bits)
    direction = np.ones(values.shape[1], np.int64)
    if invert is not None:
        direction[np.asarray(invert)] = -1
    rising = values * direction[:, None, None]
    padded = np.pad(rising, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-1)
    height = (padded.shape[2] - kh) // sh + 1
    width = (padded.shape[3] - kw) // sw + 1
    out = np.empty((*values.shape[:2], height, width), np.int64)
    for oy in range(height):
        for ox in range(width):
            window = padded[:, :, oy * sh : oy * sh + kh, ox * sw : ox * sw + kw]
            out[:, :, oy, ox] = window.max(axis=(2, 3))
    ones = out * direction[:, None, None] > 0
    packed = np.packbits(ones, axis=1, bitorder="little")
    return BitTensor(packed, axis=1, length=values.shape[1])


def _pair(value: Pair) -> tuple[int, int]:
    """An int for both axes, or a pair."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])
