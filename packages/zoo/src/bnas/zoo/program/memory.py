"""The buffers of a program in one block of memory: values that never coexist share bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import frozen

from bnas.zoo.program.steps import Place, Step

#: Buffers start at multiples of this many values: one cache line.
_ALIGNMENT = 16


@frozen
class MemoryPlan:
    """Where each buffer lies, in values of four bytes for one image.

    Attributes:
        offsets: Buffer -> first value.
        size: Values of the whole block.
    """

    offsets: Mapping[str, int]
    size: int

    @property
    def bytes_per_image(self) -> int:
        """Bytes of the block for one image."""
        return self.size * np.dtype(np.float32).itemsize


def plan_memory(
    steps: Sequence[Step], sizes: Mapping[str, int], kept: Sequence[Place]
) -> MemoryPlan:
    """Give every float buffer that is written an offset.

    Args:
        steps: The program.
        sizes: Buffer -> float32 values that it takes.
        kept: Places that must keep their values after the last step.
    """
    lifetimes: dict[str, tuple[int, int]] = {}
    for index, step in enumerate(steps):
        for place in step.writes:
            lifetimes.setdefault(place.buffer, (index, index))
        for place in (*step.reads, *step.writes):
            if place.buffer in lifetimes:
                lifetimes[place.buffer] = (lifetimes[place.buffer][0], index)
    for place in kept:
        if place.buffer in lifetimes:
            lifetimes[place.buffer] = (lifetimes[place.buffer][0], len(steps))
    return place_buffers(lifetimes, sizes)


def place_buffers(lifetimes: Mapping[str, tuple[int, int]], sizes: Mapping[str, int]) -> MemoryPlan:
    """Give every buffer an offset: largest first, at the lowest free place.

    Args:
        lifetimes: Buffer -> the first and the last step that touch it.
        sizes: Buffer -> values that it takes.
    """
    aligned = {name: -(-sizes[name] // _ALIGNMENT) * _ALIGNMENT for name in lifetimes}
    offsets: dict[str, int] = {}
    for name in sorted(aligned, key=lambda name: (-aligned[name], lifetimes[name])):
        offsets[name] = _lowest_gap(name, aligned, lifetimes, offsets)
    size = max((offsets[name] + aligned[name] for name in aligned), default=0)
    return MemoryPlan(offsets, size)


def _lowest_gap(
    name: str,
    sizes: Mapping[str, int],
    lifetimes: Mapping[str, tuple[int, int]],
    offsets: Mapping[str, int],
) -> int:
    """Return the lowest offset at which `name` overlaps no buffer that lives at the same time."""
    first, last = lifetimes[name]
    taken = sorted(
        (offsets[other], offsets[other] + sizes[other])
        for other in offsets
        if lifetimes[other][0] <= last and lifetimes[other][1] >= first
    )
    offset = 0
    for start, stop in taken:
        if start - offset >= sizes[name]:
            break
        offset = max(offset, stop)
    return offset
