"""What the public functions do with arrays that live on a GPU.

Results are arrays of the library that the operands came from, made on its current stream, and all
is queued there. Nothing waits for the GPU, but for three things that the caller is told of at once:
whether there is a NaN among floats (one number is read back after packing them), thresholds and
flips that live on the GPU, and the tail of bits that did not come from this package.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from bnas.binops.arrays import check_no_nan
from bnas.binops.bits import BitTensor, byte_count, tail_mask
from bnas.binops.cuda.arrays import GpuArray, as_gpu_array, using
from bnas.binops.cuda.copy_kernels import clear
from bnas.binops.cuda.keys import Key, cuts
from bnas.binops.cuda.pack_kernels import pack_planes
from bnas.binops.cuda.pack_planes import as_planes
from bnas.binops.cuda.pool_kernels import max_pool
from bnas.binops.cuda.products import gemm
from bnas.binops.cuda.transfers import as_contiguous, fetch, read, to_host, upload
from bnas.binops.cuda.unpack_kernels import unpack_planes

__all__ = [
    "as_gpu_array",
    "gemm",
    "has_clean_tail",
    "max_pool2d",
    "pack",
    "to_host",
    "unpack",
]


def pack(
    array: GpuArray,
    name: str,
    axis: int,
    thresholds: np.ndarray | None,
    flips: np.ndarray | None,
) -> BitTensor:
    """Pack signs; what `bnas.binops.pack` does.

    Args:
        array: Numbers.
        name: The argument's name, for the messages.
        axis: The axis to pack, non-negative.
        thresholds: float32 (length,) in host memory, without NaN, or None.
        flips: bool (length,) in host memory, or None.

    Returns:
        The packed signs.

    Raises:
        NanError: There is a NaN.
    """
    length = array.shape[axis]
    with using({name: array}) as stream:
        shape = (*array.shape[:axis], byte_count(length), *array.shape[axis + 1 :])
        out = array.empty(shape, "uint8")
        if array.size and _pack(array, axis, (thresholds, flips), out, stream):
            check_no_nan(read(array, stream), name)
    return BitTensor.from_kernel(out.owner, axis, length)


def _pack(array: GpuArray, axis: int, limits: tuple[Any, Any], out: GpuArray, stream: Any) -> bool:
    """Pack signs by thresholds and flips; return whether there is a NaN."""
    planes = as_planes(array, axis)
    if planes is None:
        planes = as_planes(as_contiguous(array, stream), axis)
    assert planes is not None
    found, flag = None, None
    if any(limit is not None for limit in limits):
        both = cuts(array.dtype, *limits, array.shape[axis])
        found = upload(array, both[0], stream), upload(array, both[1], stream)
    if Key(array.dtype).is_real:
        flag = array.empty((1,), "int32").memory("int32")
        clear(flag)(stream)
    pack_planes(planes, found, out, flag)(stream)
    return flag is not None and bool(fetch(flag, stream)[0])


def unpack(bits: BitTensor) -> Any:
    """Unpack bits; what `bnas.binops.unpack` does.

    Args:
        bits: Bits on a GPU.

    Returns:
        int8 array of the library of `bits.data`.
    """
    data = as_gpu_array(bits.data, "bits")
    with using({"bits": data}) as stream:
        out = data.empty(bits.shape, "int8")
        if out.size:
            inner = math.prod(bits.shape[bits.axis + 1 :])
            sizes = (math.prod(bits.shape[: bits.axis]), bits.length, inner)
            unpack_planes(as_contiguous(data, stream), sizes, out)(stream)
    return out.owner


def max_pool2d(
    bits: BitTensor, inverts: np.ndarray, window: np.ndarray, size: tuple[int, ...]
) -> BitTensor:
    """Pool bits; what `bnas.binops.max_pool2d` does.

    Args:
        bits: (N, C, H, W) on a GPU, packed on axis 1.
        inverts: uint8 (ceil(C / 8),) in host memory; bit 1 where the channel takes AND.
        window: int64 (3, 2): kernel, stride and padding, each (height, width).
        size: Height and width of the result.

    Returns:
        The pooled bits.
    """
    data = as_gpu_array(bits.data, "bits")
    with using({"bits": data}) as stream:
        out = data.empty((*data.shape[:2], *size), "uint8")
        if out.size:
            given = upload(data, inverts, stream)
            max_pool(as_contiguous(data, stream), given, window, out)(stream)
    return BitTensor.from_kernel(out.owner, 1, bits.length)


def has_clean_tail(data: Any, axis: int, length: int) -> bool:
    """Look whether unused bits of the last byte are 0; waits for the GPU.

    Args:
        data: uint8 array on a GPU.
        axis: The packed axis.
        length: Signs along it.

    Returns:
        Whether they are.
    """
    array, mask = as_gpu_array(data, "data"), tail_mask(length)
    if not mask or not array.size:
        return True
    step, shape = array.steps[axis], list(array.shape)
    pointer, shape[axis] = array.pointer + (shape[axis] - 1) * step, 1
    last = attrs.evolve(array, pointer=pointer, shape=tuple(shape))
    return not (to_host(last, "data") & np.uint8(mask)).any()
