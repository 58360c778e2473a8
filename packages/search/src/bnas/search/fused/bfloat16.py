"""bfloat16 inside Numba kernels, which have no such type: numbers travel as their uint16 bits."""

from __future__ import annotations

from typing import Any

from numba import float32, njit, types, uint16, uint32
from numba.extending import intrinsic

#: Bits of +1 and -1.
PLUS_ONE, MINUS_ONE = 0x3F80, 0xBF80


@intrinsic
def _float_of(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return float32(uint32), generate


@intrinsic
def _bits_of(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.uint32))

    return uint32(float32), generate


@njit(inline="always")
def widen(bits: Any) -> Any:
    """Return the float32 value of the bits of a bfloat16."""
    return _float_of(uint32(bits) << uint32(16))


@njit(inline="always")
def narrow(value: Any) -> Any:
    """Return the bits of the bfloat16 nearest to a float32, ties to even."""
    bits = _bits_of(value)
    return uint16((bits + uint32(0x7FFF) + ((bits >> uint32(16)) & uint32(1))) >> uint32(16))
