"""Arrays over the memory at an address, for kernels; nobody owns what they show."""

from __future__ import annotations

from typing import Any

from numba import carray, types
from numba.extending import intrinsic

from bnas.binops.jit import kernel


def pointer_to(element: Any) -> Any:
    """A function that regards an int64 as a pointer to `element`."""

    @intrinsic
    def pointer(typing: Any, address: Any) -> Any:
        kind = types.CPointer(element)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(kind))

        return kind(types.intp), generate

    return pointer


_to_bytes = pointer_to(types.uint8)
_to_shorts = pointer_to(types.int16)
_to_counts = pointer_to(types.uint16)
_to_ints = pointer_to(types.int32)
_to_longs = pointer_to(types.int64)
_to_floats = pointer_to(types.float32)


@kernel()
def bytes_at(address: Any, length: Any) -> Any:
    """uint8 (length,)."""
    return carray(_to_bytes(address), (length,))


@kernel()
def shorts_at(address: Any, length: Any) -> Any:
    """int16 (length,)."""
    return carray(_to_shorts(address), (length,))


@kernel()
def counts_at(address: Any, length: Any) -> Any:
    """uint16 (length,)."""
    return carray(_to_counts(address), (length,))


@kernel()
def ints_at(address: Any, length: Any) -> Any:
    """int32 (length,)."""
    return carray(_to_ints(address), (length,))


@kernel()
def longs_at(address: Any, length: Any) -> Any:
    """int64 (length,)."""
    return carray(_to_longs(address), (length,))


@kernel()
def floats_at(address: Any, length: Any) -> Any:
    """float32 (length,)."""
    return carray(_to_floats(address), (length,))
