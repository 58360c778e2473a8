"""Read an operand of a product: numbers, which are binarised, or bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops.arrays import as_array, is_on_gpu
from bnas.binops.bits import BitTensor
from bnas.binops.dispatch import gpu_operations
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
    operand: Any
    if isinstance(value, BitTensor):
        operand = value
    elif is_on_gpu(value):
        operand = gpu_operations().as_gpu_array(value, name)
    else:
        operand = as_array(value, name)
    if len(operand.shape) != ndim:
        raise ShapeError(
            f"`{name}` must have {ndim} axes (got shape {operand.shape})", shape=operand.shape
        )
    if not isinstance(operand, BitTensor):
        source = operand if isinstance(operand, np.ndarray) else value
        return pack_operand(source, name, threads=threads)
    bits: BitTensor = operand
    if bits.axis != 1:
        raise ShapeError(
            f"`{name}` must be packed on axis 1 (got axis={bits.axis}); pack it with axis=1",
            axis=bits.axis,
        )
    return bits
