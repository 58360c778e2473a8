"""Arrays on a GPU brought into C order, copied to it, and read back."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from bnas.binops.arrays import is_on_gpu
from bnas.binops.cuda.arrays import ITEM_BYTES, GpuArray, as_gpu_array, using
from bnas.binops.cuda.copy_kernels import copy_strided
from bnas.binops.cuda.keys import Key

#: Types of elements by their bytes, of those that every library has.
_CELLS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}


def to_host(value: Any, name: str) -> Any:
    """Copy an array to the host if it lives on a GPU; waits for the GPU.

    Args:
        value: A `GpuArray`, an array of a library, or anything else, which is returned as it is.
        name: The argument's name, for the message.

    Returns:
        A NumPy array; float32 for bfloat16.
    """
    if not isinstance(value, GpuArray):
        if not is_on_gpu(value):
            return value
        value = as_gpu_array(value, name)
    with using({name: value}) as stream:
        return read(value, stream)


def as_contiguous(array: GpuArray, stream: Any) -> GpuArray:
    """Return an array in C order: itself if it is, else a copy.

    Args:
        array: Any steps.
        stream: What to queue the copy on.

    Returns:
        The array.
    """
    if array.is_contiguous:
        return array
    made = array.empty(array.shape, _CELLS[ITEM_BYTES[array.dtype]])
    out = attrs.evolve(made, dtype=array.dtype)
    copy_strided(array, out)(stream)
    return out


def upload(like: GpuArray, values: np.ndarray, stream: Any) -> Any:
    """Copy values of the host to the GPU of an array.

    Args:
        like: An array there, whose library makes the memory.
        values: At least one, in C order.
        stream: What to queue the copy on.

    Returns:
        A device array of one axis.
    """
    memory = like.empty((values.nbytes,), "uint8").memory(values.dtype.name)
    memory.copy_to_device(values.reshape(-1), stream=stream)
    return memory


def read(array: GpuArray, stream: Any) -> np.ndarray:
    """Copy an array to the host, and wait for it.

    Args:
        array: Any steps; its GPU is the current one.
        stream: What to queue the copy on.

    Returns:
        A NumPy array; float32 for bfloat16.
    """
    if not array.size:
        is_half = array.dtype == "bfloat16"
        return np.empty(array.shape, np.float32 if is_half else array.dtype)
    cells = fetch(as_contiguous(array, stream).memory(Key(array.dtype).cell), stream)
    if array.dtype == "bfloat16":
        cells = (cells.astype(np.uint32) << 16).view(np.float32)
    else:
        cells = cells.view(array.dtype)
    return cells.reshape(array.shape)


def fetch(memory: Any, stream: Any) -> np.ndarray:
    """Copy a device array to the host, and wait for it.

    Args:
        memory: A device array of one axis.
        stream: What to queue the copy on.

    Returns:
        A NumPy array of its type.
    """
    values: np.ndarray = memory.copy_to_host(stream=stream)
    if stream:
        stream.synchronize()
    return values
