"""Read an operand of a product: numbers, which are binarised, or bits."""

from __future__ import annotations

from typing import Any

from bnas.binops.arrays import as_array
from bnas.binops.bits import BitTensor
from bnas.binops.errors import ShapeError
from bnas.binops.packing import pack_operand


def as_bits(value: Any, name: str, ndim: int, threads: int | None = None) -> BitTensor:
    """Turn an operand into bits packed along axis 1.

    Args:
        value: An array of `ndim` axes, binarised by ``>= 0``, or a BitTensor packed on axis 1.
        name: The argument's name, for the message.
        ndim: Number of axes that it must have.
        threads: Threads to use.

    Returns:
        The bits; `value` itself if it was a BitTensor.

    Raises:
        ShapeError: Wrong number of axes, or packed along another axis.
        NanError: It holds NaN.
    """
    operand = value if isinstance(value, BitTensor) else as_array(value, name)
    if operand.ndim != ndim:
        raise ShapeError(
            f"`{name}` must have {ndim} axes (got shape {operand.shape})", shape=operand.shape
        )
    if not isinstance(operand, BitTensor):
        return pack_operand(operand, name, threads=threads)
    if operand.axis != 1:
        raise ShapeError(
            f"`{name}` must be packed on axis 1 (got axis={operand.axis}); pack it with axis=1",
            axis=operand.axis,
        )
    return operand
