"""`Planes`: numbers to be packed, seen as (outer, length, inner)."""

from __future__ import annotations

from attrs import frozen

from bnas.binops.cuda.arrays import ITEM_BYTES, GpuArray
from bnas.binops.cuda.copy_kernels import merged_axes

#: Bytes that a thread of the wide kernel reads of each channel.
WIDE_BYTES = 16
WIDE_TYPES = {"float32", "float16", "bfloat16"}
#: What 32 bits can index, in words of four bytes.
_MOST_BYTES = 1 << 34


@frozen(eq=False)
class Planes:
    """Numbers as (outer, length, inner).

    Args:
        array: The numbers.
        sizes: Lengths of the three.
        steps: Elements from one to the next along the three.
    """

    array: GpuArray
    sizes: tuple[int, int, int]
    steps: tuple[int, int, int]

    @property
    def is_wide(self) -> bool:
        """Whether the wide kernel can read it."""
        outer, length, inner = self.sizes
        itemsize = ITEM_BYTES[self.array.dtype]
        return (
            self.array.dtype in WIDE_TYPES
            and self.array.is_contiguous
            and inner * itemsize % WIDE_BYTES == 0
            and self.array.pointer % WIDE_BYTES == 0
            and outer * length * inner * itemsize < _MOST_BYTES
        )


def as_planes(array: GpuArray, axis: int) -> Planes | None:
    """See an array as planes.

    Args:
        array: At least one element.
        axis: The axis that is packed.

    Returns:
        The planes; None if the axes before or behind it do not lie at one step, and a copy is
        needed.
    """
    parts = [
        merged_axes(array.shape[part], array.steps[part])
        for part in (slice(0, axis), slice(axis + 1, None))
    ]
    if max(map(len, parts)) > 1:
        return None
    (outer, outer_step), (inner, inner_step) = (part[0] if part else (1, 0) for part in parts)
    sizes = (outer, array.shape[axis], inner)
    return Planes(array, sizes, (outer_step, array.steps[axis], inner_step))
