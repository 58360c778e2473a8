"""`BitTensor`, and the bit convention that every kernel of this package keeps.

The convention, as in ``docs/reference/bits.md``, "Bits" in the reference:

* **Values**: bit 1 = +1, bit 0 = -1. A number x has the bit ``x >= 0``, so sign(0) = +1 (and so
  has -0.0). A NaN has no sign and is refused. A bool is already a sign: True = +1, False = -1.
* **Order**: one axis is packed into bytes; bit i (value ``1 << i``) of byte j holds element
  ``8*j + i``. That is ``numpy.packbits(x >= 0, axis=axis, bitorder="little")``.
* **Tail**: an axis of n elements takes ``ceil(n / 8)`` bytes; the unused bits are 0.
* **Padding** of a convolution is the number 0, neither +1 nor -1: a padded tap adds nothing.
* **Dot product** of two sign vectors: ``valid - 2 * popcount(a ^ b)``, where valid is the number
  of elements that are not padding. Tails cancel: 0 ^ 0 = 0.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from bnas.binops.arrays import is_on_gpu
from bnas.binops.errors import BitTensorError


def byte_count(length: int) -> int:
    """Bytes that `length` packed elements take."""
    return -(-length // 8)


def tail_mask(length: int) -> int:
    """The bits of the last byte that `length` elements leave unused, as a mask."""
    used = length % 8
    return 0 if used == 0 else 0xFF & ~((1 << used) - 1)


@attrs.frozen(eq=False, repr=False)
class BitTensor:
    """A tensor of signs with one axis packed into bytes (convention: "Bits" in the reference).

    Two tensors compare by identity; compare their `data` with NumPy.

    The bits may live on a GPU: `data` is then an array of torch, CuPy, Numba or another library
    with ``__cuda_array_interface__`` or DLPack, laid out in the same way. To look at its tail, the
    constructor waits for the GPU.

    Args:
        data: uint8 (...), like the logical shape, but ``ceil(length / 8)`` along `axis`.
        axis: The packed axis, non-negative.
        length: Number of signs along `axis`.

    Raises:
        BitTensorError: The three do not fit each other, or an unused tail bit is 1.

    Examples:
        >>> BitTensor(np.array([[5]], np.uint8), axis=1, length=3)
        BitTensor(shape=(1, 3), axis=1, 1 byte)
    """

    data: Any
    axis: int
    length: int

    def __attrs_post_init__(self) -> None:
        """Validate."""
        _check_layout(self.data, self.axis, self.length)
        _check_tail(self.data, self.axis, self.length)

    @classmethod
    def from_kernel(cls, data: Any, axis: int, length: int) -> BitTensor:
        """Wrap what a kernel wrote, unchecked.

        The checks of the constructor cost as much as a small convolution, and a kernel's result
        keeps the convention by construction (its tests hold it to that).

        Args:
            data: uint8 (...), which keeps the convention.
            axis: The packed axis, non-negative.
            length: Number of signs along `axis`.

        Returns:
            bits (...), the tensor; `data` is not copied.
        """
        bits = object.__new__(cls)
        for name, value in (("data", data), ("axis", axis), ("length", length)):
            object.__setattr__(bits, name, value)
        return bits

    @property
    def shape(self) -> tuple[int, ...]:
        """The logical shape, in signs."""
        packed = tuple(self.data.shape)
        return (*packed[: self.axis], self.length, *packed[self.axis + 1 :])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.data.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the packed data."""
        return math.prod(self.data.shape)

    @property
    def is_on_gpu(self) -> bool:
        """Whether the data lives in a GPU's memory."""
        return not isinstance(self.data, np.ndarray)

    def __repr__(self) -> str:
        """Name shape, axis and size, not the data."""
        unit = "byte" if self.nbytes == 1 else "bytes"
        place = " on a GPU" if self.is_on_gpu else ""
        return f"BitTensor(shape={self.shape}, axis={self.axis}, {self.nbytes:,} {unit}{place})"


def _check_layout(data: Any, axis: object, length: object) -> None:
    """Refuse `data` that cannot hold `length` signs along `axis`."""
    is_array = isinstance(data, np.ndarray) or is_on_gpu(data)
    dtype = str(getattr(data, "dtype", "")).removeprefix("torch.") if is_array else ""
    if dtype != "uint8":
        got = f"{dtype} array" if is_array else type(data).__name__
        raise BitTensorError(
            f"`data` must be a uint8 NumPy array, or one on a GPU (got {got}); pack numbers with "
            "`pack`",
            got=got,
        )
    ndim = len(data.shape)
    if not isinstance(axis, int) or not 0 <= axis < ndim:
        raise BitTensorError(
            f"`axis` must be an int from 0 to {ndim - 1} (got {axis!r} for {ndim} axes)",
            axis=axis,
        )
    if not isinstance(length, int) or length < 0 or byte_count(length) != data.shape[axis]:
        raise BitTensorError(
            f"`length` must fill the packed axis: {data.shape[axis]} bytes hold "
            f"{max(0, 8 * data.shape[axis] - 7)} to {8 * data.shape[axis]} signs (got {length!r})",
            length=length,
        )


def _check_tail(data: Any, axis: int, length: int) -> None:
    """Refuse a tail bit that is 1: it would count as a mismatch in every dot product."""
    mask = tail_mask(length)
    if not mask:
        return
    if isinstance(data, np.ndarray):
        is_clean = not np.any(data[(slice(None),) * axis + (-1,)] & np.uint8(mask))
    else:
        from bnas.binops.dispatch import gpu_operations

        is_clean = gpu_operations().has_clean_tail(data, axis, length)
    if not is_clean:
        raise BitTensorError(
            f"unused tail bits must be 0, but bits {length % 8} to 7 of the last byte along axis "
            f"{axis} are not all 0 (length={length}); clear them with `data &= ...` or `pack`",
            axis=axis,
            length=length,
        )
