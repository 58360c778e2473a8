"""What each array library of GPUs has its own words for: describing an array, and making one.

None of these libraries is imported here: an array of it can only come from one that is loaded.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

import numpy as np
from attrs import frozen
from numba import cuda


@frozen
class Description:
    """Where and how an array lies.

    Args:
        pointer: Address of the first element on the device.
        shape: Lengths of the axes.
        strides: Bytes from one to the next along each axis; None in C order.
        dtype: Name of the type, as NumPy has it, or "bfloat16".
        device: Number of the GPU; None where the protocol does not tell.
        stream: Handle of the stream that the array is ready on; 0 is the default one.
    """

    pointer: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    dtype: str
    device: int | None
    stream: int


class Library(Protocol):
    """An array library."""

    def describe(self, value: Any) -> Description:
        """Describe one of its arrays, without waiting for it."""

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str) -> Any:
        """Make an array on the GPU of `like`, in C order, on the current stream."""


class Torch:
    """torch: its caching allocator and its current stream."""

    def describe(self, value: Any) -> Description:
        """Describe a tensor; refused if it needs gradients, is sparse or is yet to be negated."""
        if value.requires_grad:
            raise TypeError("it requires grad")
        if value.is_neg():
            raise TypeError("it is negated lazily; call resolve_neg()")
        if str(value.layout) != "torch.strided":
            raise TypeError(f"its layout is {value.layout}")
        stream = sys.modules["torch"].cuda.current_stream(value.device)
        return Description(
            pointer=value.data_ptr(),
            shape=tuple(value.shape),
            strides=tuple(step * value.element_size() for step in value.stride()),
            dtype=str(value.dtype).removeprefix("torch."),
            device=value.device.index,
            stream=stream.cuda_stream,
        )

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str) -> Any:
        """Make a tensor."""
        return like.new_empty(shape, dtype=getattr(sys.modules["torch"], dtype))


class Cupy:
    """CuPy: its memory pool and its current stream."""

    def describe(self, value: Any) -> Description:
        """Describe an array."""
        return Description(
            pointer=int(value.data.ptr),
            shape=tuple(value.shape),
            strides=tuple(value.strides),
            dtype=str(value.dtype),
            device=int(value.device.id),
            stream=int(sys.modules["cupy"].cuda.get_current_stream(value.device.id).ptr),
        )

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str) -> Any:
        """Make an array."""
        cupy = sys.modules["cupy"]
        with cupy.cuda.Device(like.device.id):
            return cupy.empty(shape, dtype)


class Numba:
    """Numba, and whatever else speaks ``__cuda_array_interface__``."""

    def describe(self, value: Any) -> Description:
        """Describe an array by the protocol; Numba's simulated ones have NumPy's of its form."""
        name = "__cuda_array_interface__"
        interface = getattr(value, name if hasattr(value, name) else "__array_interface__")
        if interface.get("mask") is not None:
            raise TypeError("it is masked")
        dtype = np.dtype(interface["typestr"])
        if not dtype.isnative:
            raise TypeError(f"its bytes are swapped: {interface['typestr']}")
        strides = interface.get("strides")
        context = getattr(getattr(value, "gpu_data", None), "context", None)
        return Description(
            pointer=int(interface["data"][0] or 0),
            shape=tuple(int(length) for length in interface["shape"]),
            strides=None if strides is None else tuple(int(step) for step in strides),
            # A type that NumPy lacks comes as bytes without meaning; then its own name may help.
            dtype=str(value.dtype) if dtype.kind == "V" else dtype.name,
            device=None if context is None else int(context.device.id),
            stream=int(interface.get("stream") or 0),
        )

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str) -> Any:
        """Make one of Numba's device arrays."""
        return cuda.device_array(shape, np.dtype(dtype))


def library_of(value: Any) -> Library | None:
    """Return the library that an array is of; None for one without an adapter here."""
    torch, cupy = sys.modules.get("torch"), sys.modules.get("cupy")
    if torch is not None and isinstance(value, getattr(torch, "Tensor", ())):
        return Torch()
    if cupy is not None and isinstance(value, getattr(cupy, "ndarray", ())):
        return Cupy()
    return Numba() if getattr(value, "__cuda_ndarray__", False) else None
