"""The edge: anything that holds numbers in host memory becomes a NumPy array, without a copy."""

from __future__ import annotations

import numpy as np

from bnas.binops.errors import DtypeError, NanError

#: DLPack's numbers of CUDA's memory: of a device, and managed.
_CUDA_DEVICES = (2, 13)


def is_on_gpu(value: object) -> bool:
    """Whether an array lives in a GPU's memory; loads nothing and waits for nothing."""
    if isinstance(value, np.ndarray):
        return False
    answer = getattr(value, "is_cuda", None)  # torch: its protocol refuses tensors with gradients
    if answer is not None:
        return bool(answer)
    if hasattr(value, "__cuda_array_interface__") or getattr(value, "__cuda_ndarray__", False):
        return True
    device = getattr(value, "__dlpack_device__", None)
    return device is not None and device()[0] in _CUDA_DEVICES


def as_array(value: object, name: str) -> np.ndarray:
    """View `value` as a NumPy array of numbers.

    Args:
        value: An array, something with ``__array__``, ``__array_interface__`` or DLPack (a torch
            tensor on the CPU), or nested lists.
        name: The argument's name, for the message.

    Returns:
        An array of bools, integers or floats that shares memory with `value` where it can.

    Raises:
        DtypeError: It does not hold real numbers, or not in host memory.
    """
    array = value if isinstance(value, np.ndarray) else _convert(value, name)
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"`{name}` must hold bools, integers or floats (got dtype {array.dtype})",
            dtype=array.dtype,
        )
    return array


def _convert(value: object, name: str) -> np.ndarray:
    """Turn a foreign array into a NumPy one, by whichever protocol it speaks."""
    try:
        if is_on_gpu(value):
            raise TypeError("it lives in GPU memory")
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise DtypeError(
            f"`{name}` must be an array of numbers in host memory (got {type(value).__name__}: "
            f"{error}); move it to the CPU and detach it first",
            got=type(value).__name__,
        ) from error


def check_no_nan(array: np.ndarray, name: str) -> None:
    """Refuse NaN, which has no sign.

    Args:
        array: Any numbers.
        name: The argument's name, for the message.

    Raises:
        NanError: There is one; `index` is the first in C order.
    """
    if array.dtype.kind != "f":
        return
    found = np.isnan(array)
    if found.any():
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(found)), array.shape))
        where = index[0] if len(index) == 1 else index
        raise NanError(
            f"`{name}` must not hold NaN, which has no sign (first at index {where})", index=index
        )
