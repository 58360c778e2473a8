"""Max pooling of packed signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops import threads as _threads
from bnas.binops.arrays import as_array
from bnas.binops.bits import BitTensor
from bnas.binops.dispatch import choose_backend, gpu_operations
from bnas.binops.errors import DtypeError, GeometryError, ShapeError
from bnas.binops.geometry import Pair, as_pair, window_count


def max_pool2d(
    bits: BitTensor,
    kernel: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    invert: Any = None,
    threads: int | None = None,
) -> BitTensor:
    """Pool packed signs: OR over each window, AND where `invert` is True.

    Max pooling commutes with a monotone map: where bits are ``x >= t`` the pooled bit is the OR,
    where they are ``x <= t`` (a falling map: `invert`) it is the AND. Padding is neutral.

    Args:
        bits: bits (N, C, H, W), packed on axis 1; on a GPU it is pooled there.
        kernel: Window, pixels; an int or (height, width).
        stride: Steps between windows; None takes `kernel`.
        padding: Pixels added on every side; less than `kernel`.
        invert: bool (C,), the channels that take AND; None for none.
        threads: Threads to use; None takes Numba's number.

    Returns:
        bits (N, C, OH, OW), packed on axis 1; OH = (H + 2*padding - kernel) // stride + 1.

    Raises:
        DtypeError: `bits` is not a BitTensor, or `invert` not bool.
        ShapeError: Not four axes packed on axis 1, or `invert` not of C values.
        GeometryError: A window, stride or padding that is not possible.
    """
    _check_bits(bits)
    kernel = as_pair(kernel, "kernel", 1)
    stride = kernel if stride is None else as_pair(stride, "stride", 1)
    padding = as_pair(padding, "padding", 0)
    if padding[0] >= kernel[0] or padding[1] >= kernel[1]:
        raise GeometryError(
            f"`padding` must be less than `kernel`, else a window holds no pixel (got padding="
            f"{padding}, kernel={kernel})",
            padding=padding,
            kernel=kernel,
        )
    size = [
        window_count(*axis) for axis in zip(bits.shape[2:], kernel, stride, padding, strict=True)
    ]
    if min(size) < 1:
        raise GeometryError(
            f"`kernel` must fit the padded input (got kernel={kernel}, input size="
            f"{bits.shape[2:]}, padding={padding})",
            kernel=kernel,
            in_size=bits.shape[2:],
        )
    window = np.array([kernel, stride, padding], np.int64)
    if bits.is_on_gpu:
        gpu = gpu_operations()
        inverts = _read_inverts(gpu.to_host(invert, "invert"), bits.length)
        pooled: BitTensor = gpu.max_pool2d(bits, inverts, window, size)
        return pooled
    inverts = _read_inverts(invert, bits.length)
    data = np.require(bits.data, requirements=("C", "W"))
    out = np.empty((*data.shape[:2], *size), np.uint8)
    choose_backend().load().max_pool2d(data, inverts, window, out, _threads.resolve(threads))
    return BitTensor.from_kernel(out, 1, bits.length)


def _check_bits(bits: object) -> None:
    """Refuse what is not NCHW packed on axis 1."""
    if not isinstance(bits, BitTensor):
        raise DtypeError(
            f"`bits` must be a BitTensor (got {type(bits).__name__}); `pack(x, axis=1)` makes one",
            got=type(bits).__name__,
        )
    if bits.ndim != 4 or bits.axis != 1:
        raise ShapeError(
            f"`bits` must be (N, C, H, W) packed on axis 1 (got shape {bits.shape}, axis "
            f"{bits.axis})",
            shape=bits.shape,
            axis=bits.axis,
        )


def _read_inverts(invert: Any, channels: int) -> np.ndarray:
    """Read `invert` as packed bytes, one bit a channel."""
    if invert is None:
        return np.zeros(-(-channels // 8), np.uint8)
    inverts = as_array(invert, "invert")
    if inverts.dtype != np.bool_:
        raise DtypeError(
            f"`invert` must be a bool array (got dtype {inverts.dtype})", dtype=inverts.dtype
        )
    if inverts.shape != (channels,):
        raise ShapeError(
            f"`invert` must have one value for each of the {channels} channels (got shape "
            f"{inverts.shape})",
            shape=inverts.shape,
        )
    return np.packbits(inverts, bitorder="little")
