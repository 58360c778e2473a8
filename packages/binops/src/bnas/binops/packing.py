"""Pack the signs of an array into bits, and unpack them again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bnas.binops import threads as _threads
from bnas.binops.arrays import as_array, check_no_nan, is_on_gpu
from bnas.binops.bits import BitTensor, byte_count
from bnas.binops.dispatch import choose_backend, gpu_operations
from bnas.binops.errors import DtypeError, ShapeError


def pack(
    x: Any,
    axis: int = 1,
    *,
    threshold: Any = None,
    flip: Any = None,
    threads: int | None = None,
) -> BitTensor:
    """Pack the signs of `x` along one axis: bit = ``(x >= threshold) ^ flip``.

    float32 in C order takes the fused kernel where the packed axis is not the last one (NCHW
    with axis=1, say); everything else goes through NumPy.

    An array on a GPU (torch, CuPy, Numba, or another library with ``__cuda_array_interface__`` or
    DLPack; bfloat16 too) is packed there, on its library's current stream. Because a NaN raises as
    it does on the CPU, packing floats waits for the GPU; packing bools and integers does not.

    Args:
        x: Any shape (...), any strides: bools (True = +1, False = -1), integers or floats.
        axis: The axis to pack; negative counts from the end.
        threshold: float32 (x.shape[axis],), or None for 0; ±infinity makes a channel constant.
        flip: bool (x.shape[axis],), or None for all False.
        threads: Threads to use; None takes Numba's number. Of no effect on a GPU.

    Returns:
        bits (...), the packed signs, in C order, where `x` lives ("Bits" in the reference).

    Raises:
        DtypeError: `x`, `threshold` or `flip` is of a type that does not fit.
        ShapeError: `axis` is not an axis of `x`, or `threshold` or `flip` not of its length.
        NanError: `x` or `threshold` holds NaN.
        ThreadsError: `threads` is not possible.
        BackendUnavailableError: `x` lives on a GPU that cannot be used.

    Examples:
        >>> pack(np.array([[3.0, -1.0, 0.0]])).data
        array([[5]], dtype=uint8)
    """
    return pack_operand(x, "x", axis, threshold, flip, threads)


def pack_operand(
    x: Any,
    name: str,
    axis: int = 1,
    threshold: Any = None,
    flip: Any = None,
    threads: int | None = None,
) -> BitTensor:
    """Do what `pack` does, for an argument of another function.

    Args:
        x: As for `pack`.
        name: The argument's name, for the messages.
        axis: As for `pack`.
        threshold: As for `pack`.
        flip: As for `pack`.
        threads: As for `pack`.

    Returns:
        The packed signs.
    """
    if is_on_gpu(x):
        return _pack_on_gpu(x, name, axis, threshold, flip)
    array = as_array(x, name)
    axis = _check_axis(axis, array.ndim)
    length = array.shape[axis]
    thresholds = _read_thresholds(threshold, length)
    flips = _read_flips(flip, length)
    inner = math.prod(array.shape[axis + 1 :])
    shape = (*array.shape[:axis], byte_count(length), *array.shape[axis + 1 :])
    if array.dtype != np.float32 or not array.flags.c_contiguous or inner == 1 or not array.size:
        check_no_nan(array, name)
        data = _pack_with_numpy(array, axis, thresholds, flips)
        return BitTensor.from_kernel(data.reshape(shape), axis, length)
    outer = math.prod(array.shape[:axis])
    out = np.empty((outer, shape[axis], inner), np.uint8)
    if thresholds is None:
        thresholds = np.zeros(length, np.float32)
    if flips is None:
        flips = np.zeros(length, np.bool_)
    planes = array.reshape(outer, length, inner)
    kernels = choose_backend().load()
    if kernels.pack_planes(planes, thresholds, flips, out, _threads.resolve(threads)):
        check_no_nan(array, name)
    return BitTensor.from_kernel(out.reshape(shape), axis, length)


def _pack_on_gpu(x: Any, name: str, axis: int, threshold: Any, flip: Any) -> BitTensor:
    """Pack numbers that live on a GPU; thresholds and flips may live there or in host memory."""
    gpu = gpu_operations()
    array = gpu.as_gpu_array(x, name)
    axis = _check_axis(axis, len(array.shape))
    length = array.shape[axis]
    thresholds = _read_thresholds(gpu.to_host(threshold, "threshold"), length)
    flips = _read_flips(gpu.to_host(flip, "flip"), length)
    packed: BitTensor = gpu.pack(array, name, axis, thresholds, flips)
    return packed


def unpack(bits: BitTensor) -> Any:
    """Unpack bits into signs.

    Args:
        bits: Packed signs, bits (...).

    Returns:
        int8 (...), of ``bits.shape``, +1 or -1; of NumPy, or of the library of `bits.data` on a
        GPU.

    Raises:
        DtypeError: `bits` is not a BitTensor.

    Examples:
        >>> unpack(pack([[3.0, -1.0, 0.0]]))
        array([[ 1, -1,  1]], dtype=int8)
    """
    if not isinstance(bits, BitTensor):
        raise DtypeError(
            f"`bits` must be a BitTensor (got {type(bits).__name__}); `pack` makes one",
            got=type(bits).__name__,
        )
    if bits.is_on_gpu:
        return gpu_operations().unpack(bits)
    ones = np.unpackbits(bits.data, axis=bits.axis, count=bits.length, bitorder="little")
    return np.subtract(2 * ones.astype(np.int8), 1, dtype=np.int8)


def _check_axis(axis: object, ndim: int) -> int:
    """Turn an axis into a non-negative one."""
    if not isinstance(axis, (int, np.integer)) or not -ndim <= axis < ndim:
        raise ShapeError(
            f"`axis` must be an axis of `x` (got axis={axis!r} for {ndim} axes)", axis=axis
        )
    return int(axis) % ndim


def _read_thresholds(threshold: Any, length: int) -> np.ndarray | None:
    """Read thresholds as float32; refuse NaN and a wrong length."""
    if threshold is None:
        return None
    thresholds = np.ascontiguousarray(as_array(threshold, "threshold"), np.float32)
    _check_length(thresholds, "threshold", length)
    check_no_nan(thresholds, "threshold")
    return thresholds


def _read_flips(flip: Any, length: int) -> np.ndarray | None:
    """Read flips as bools; refuse other types and a wrong length."""
    if flip is None:
        return None
    flips = as_array(flip, "flip")
    if flips.dtype != np.bool_:
        raise DtypeError(
            f"`flip` must be a bool array (got dtype {flips.dtype})", dtype=flips.dtype
        )
    _check_length(flips, "flip", length)
    return np.ascontiguousarray(flips)


def _check_length(values: np.ndarray, name: str, length: int) -> None:
    """Refuse per-channel values that are not one a channel."""
    if values.shape != (length,):
        raise ShapeError(
            f"`{name}` must have one value for each of the {length} elements of the packed axis "
            f"(got shape {values.shape})",
            shape=values.shape,
            length=length,
        )


def _pack_with_numpy(
    array: np.ndarray, axis: int, thresholds: np.ndarray | None, flips: np.ndarray | None
) -> np.ndarray:
    """Pack any numbers in any layout."""
    moved = np.moveaxis(array, axis, -1)
    if thresholds is None:
        ones = moved if array.dtype == np.bool_ else moved >= 0
    else:
        ones = _at_least(moved, thresholds)
    if flips is not None:
        ones = ones ^ flips
    packed = np.packbits(ones, axis=-1, bitorder="little")
    return np.ascontiguousarray(np.moveaxis(packed, -1, axis))


def _at_least(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Compare the last axis with thresholds, exactly.

    NumPy compares a 64-bit integer with a float in float64, which rounds. For integers,
    ``x >= t`` is ``x >= ceil(t)``, and that is an integer or beyond the range of the type.
    """
    if values.dtype == np.bool_:
        values = np.where(values, np.int8(1), np.int8(-1))
    if values.dtype.kind == "f":
        return values >= thresholds
    limits = np.iinfo(values.dtype)
    cuts = np.ceil(thresholds.astype(np.float64))
    # float(limits.max) + 1 is a power of two, so both comparisons are exact.
    below, above = cuts <= float(limits.min), cuts >= float(limits.max + 1)
    inside = np.where(below | above, 0.0, cuts).astype(values.dtype)
    return np.where(above, False, np.where(below, True, values >= inside))
