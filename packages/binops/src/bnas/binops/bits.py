"""`BitTensor`, and the bit convention that every kernel of this package keeps.

The convention, written once and linked from everywhere else:

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

import attrs
import numpy as np

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
    """A tensor of signs with one axis packed into bytes (convention: see this module).

    Two tensors compare by identity; compare their `data` with NumPy.

    Args:
        data: uint8 array; like the logical shape, but ``ceil(length / 8)`` along `axis`.
        axis: The packed axis, non-negative.
        length: Number of signs along `axis`.

    Raises:
        BitTensorError: The three do not fit each other, or an unused tail bit is 1.

    Example:
        >>> BitTensor(np.array([[5]], np.uint8), axis=1, length=3)
        BitTensor(shape=(1, 3), axis=1, 1 byte)
    """

    data: np.ndarray
    axis: int
    length: int

    def __attrs_post_init__(self) -> None:
        """Validate."""
        _check_layout(self.data, self.axis, self.length)
        _check_tail(self.data, self.axis, self.length)

    @classmethod
    def from_kernel(cls, data: np.ndarray, axis: int, length: int) -> BitTensor:
        """Wrap what a kernel wrote, unchecked.

        The checks of the constructor cost as much as a small convolution, and a kernel's result
        keeps the convention by construction (its tests hold it to that).

        Args:
            data: uint8 array that keeps the convention.
            axis: The packed axis, non-negative.
            length: Number of signs along `axis`.

        Returns:
            The tensor; `data` is not copied.
        """
        bits = object.__new__(cls)
        for name, value in (("data", data), ("axis", axis), ("length", length)):
            object.__setattr__(bits, name, value)
        return bits

    @property
    def shape(self) -> tuple[int, ...]:
        """The logical shape, in signs."""
        packed = self.data.shape
        return (*packed[: self.axis], self.length, *packed[self.axis + 1 :])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def nbytes(self) -> int:
        """Bytes of the packed data."""
        return self.data.nbytes

    def __repr__(self) -> str:
        """Name shape, axis and size, not the data."""
        unit = "byte" if self.nbytes == 1 else "bytes"
        return f"BitTensor(shape={self.shape}, axis={self.axis}, {self.nbytes:,} {unit})"


def _check_layout(data: object, axis: object, length: object) -> None:
    """Refuse `data` that cannot hold `length` signs along `axis`."""
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8:
        got = f"{data.dtype} array" if isinstance(data, np.ndarray) else type(data).__name__
        raise BitTensorError(
            f"`data` must be a uint8 NumPy array (got {got}); pack numbers with `pack`", got=got
        )
    if not isinstance(axis, int) or not 0 <= axis < data.ndim:
        raise BitTensorError(
            f"`axis` must be an int from 0 to {data.ndim - 1} (got {axis!r} for {data.ndim} axes)",
            axis=axis,
        )
    if not isinstance(length, int) or length < 0 or byte_count(length) != data.shape[axis]:
        raise BitTensorError(
            f"`length` must fill the packed axis: {data.shape[axis]} bytes hold "
            f"{max(0, 8 * data.shape[axis] - 7)} to {8 * data.shape[axis]} signs (got {length!r})",
            length=length,
        )


def _check_tail(data: np.ndarray, axis: int, length: int) -> None:
    """Refuse a tail bit that is 1: it would count as a mismatch in every dot product."""
    mask = tail_mask(length)
    if mask and np.any(data[(slice(None),) * axis + (-1,)] & np.uint8(mask)):
        raise BitTensorError(
            f"unused tail bits must be 0, but bits {length % 8} to 7 of the last byte along axis "
            f"{axis} are not all 0 (length={length}); clear them with `data &= ...` or `pack`",
            axis=axis,
            length=length,
        )
