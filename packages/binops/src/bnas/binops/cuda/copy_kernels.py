"""Copies of arrays that do not lie as a kernel needs them."""

from __future__ import annotations

from typing import Any

from numba import cuda, types

from bnas.binops.cuda.arrays import ITEM_BYTES, GpuArray
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks
from bnas.binops.errors import ShapeError

#: Axes that a strided array may have, neighbours that lie together counted as one.
MOST_AXES = 8
THREADS = 128
#: Types of the bits of an element, by its bytes.
CELLS = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}


@cuda.jit
def _copy_kernel(source: Any, start: Any, lengths: Any, steps: Any, size: Any, out: Any) -> None:
    """Copy into C order, a thread an element."""
    item = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if item < size:
        rest, at = item, start
        for back in range(MOST_AXES):
            axis = MOST_AXES - 1 - back
            at += rest % lengths[axis] * steps[axis]
            rest //= lengths[axis]
        out[item] = source[at]


@cuda.jit
def _clear_kernel(values: Any) -> None:
    """Set a few values to 0."""
    if cuda.threadIdx.x < values.size:
        values[cuda.threadIdx.x] = 0


def copy_strided(source: GpuArray, out: GpuArray) -> Launch:
    """Copy an array into C order.

    Args:
        source: Any steps.
        out: Of its shape and type, in C order.

    Returns:
        The launch.

    Raises:
        ShapeError: `source` lies in more pieces than a kernel follows.
    """
    axes = merged_axes(source.shape, source.steps)
    if len(axes) > MOST_AXES:
        raise ShapeError(
            f"an array that is not in C order must have {MOST_AXES} axes at most (got shape "
            f"{source.shape}); make it contiguous first",
            shape=source.shape,
        )
    filled = [(1, 0)] * (MOST_AXES - len(axes)) + axes
    lengths, steps = zip(*filled, strict=True)
    cell = CELLS[ITEM_BYTES[source.dtype]]
    arguments = (source.memory(cell), source.start, lengths, steps, source.size, out.memory(cell))
    return Launch(_copy_kernel, blocks(source.size, THREADS), THREADS, arguments)


def clear(values: Any) -> Launch:
    """Set a few int32 to 0.

    Args:
        values: int32 device array of one axis, `THREADS` long at most.

    Returns:
        The launch.
    """
    return Launch(_clear_kernel, 1, THREADS, (values,))


def merged_axes(shape: tuple[int, ...], steps: tuple[int, ...]) -> list[tuple[int, int]]:
    """Describe memory with as few axes as it can be.

    Args:
        shape: Lengths of the axes.
        steps: Elements from one to the next along each axis.

    Returns:
        (length, step) of each axis, without those of length 1, neighbours joined where one step of
        the outer is a walk through the inner.
    """
    axes: list[tuple[int, int]] = []
    for length, step in zip(shape, steps, strict=True):
        if length == 1:
            continue
        if axes and axes[-1][1] == length * step:
            axes[-1] = (axes[-1][0] * length, step)
        else:
            axes.append((length, step))
    return axes


def specimens() -> list[Specimen]:
    """The kernels of this module for compile checks."""
    eight = types.UniTuple(types.int64, MOST_AXES)
    expects = dict.fromkeys(CAPABILITIES, "STG")
    found = [Specimen("clear", _clear_kernel, (types.int32[::1],), expects, 32)]
    for name in CELLS.values():
        cells = getattr(types, name)[::1]
        signature = (cells, types.int64, eight, eight, types.int64, cells)
        found.append(Specimen(f"copy {name}", _copy_kernel, signature, expects, 128))
    return found
