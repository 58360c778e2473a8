"""Read a DLPack capsule: the protocol of arrays that speak no other.

References:
    DLPack 1.0, dlpack.h: DLManagedTensor, DLTensor, DLDevice, DLDataType.
"""

from __future__ import annotations

import ctypes
from typing import Any

from bnas.binops.cuda.libraries import Description

_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}


class _Tensor(ctypes.Structure):
    """DLTensor, which is also how a DLManagedTensor begins."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


def read_capsule(capsule: Any, stream: int) -> Description:
    """Describe the array of a capsule.

    The capsule is left unused, so that its own destructor frees it: memory stays with the array
    that made it, which the caller keeps.

    Args:
        capsule: What ``__dlpack__`` returned.
        stream: Handle of the stream that the producer was asked to make it ready on.

    Returns:
        The description.
    """
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    address = pointer_of(capsule, b"dltensor")
    tensor = _Tensor.from_address(address)
    name = f"{_CODES.get(tensor.code, 'opaque')}{tensor.bits}"
    if tensor.lanes != 1:
        name += f"x{tensor.lanes}"
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = None
    if tensor.strides:
        strides = tuple(step * tensor.bits // 8 for step in tensor.strides[: tensor.ndim])
    return Description(
        pointer=(tensor.data or 0) + tensor.byte_offset,
        shape=shape,
        strides=strides,
        dtype="bool" if name == "bool8" else name,
        device=tensor.device_id,
        stream=stream,
    )
