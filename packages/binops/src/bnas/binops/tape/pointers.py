"""Addresses on a tape: where a base lies, and how far behind it.

A tape is written before the memory that it will run on exists, and every thread runs it on an
arena of its own. So a pointer is a *space* and an offset: space 0 is fixed memory (weights,
thresholds), space 1 the thread's arena, and the others are *ports*, arrays that the caller hands
over at each run.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bnas.binops.jit import kernel

#: Space of addresses that are fixed.
FIXED = 0
#: Space of a thread's arena.
ARENA = 1
#: Space of the first array that a run is given.
PORT = 2
#: Most spaces: what the table of their addresses has room for.
SPACES = 64
_SHIFT = 56
_MASK = (1 << _SHIFT) - 1


class Pointer(NamedTuple):
    """A place in memory that is known once a tape runs.

    Args:
        space: `FIXED`, `ARENA`, or `PORT` plus the number of an array.
        offset: Bytes; an address in the fixed space.
        step: Bytes between images; 0 where all images share the place.
    """

    space: int
    offset: int
    step: int = 0

    def encoded(self) -> int:
        """Space and offset as one int64."""
        return self.space << _SHIFT | self.offset

    def plus(self, count: int) -> Pointer:
        """The place `count` bytes further on."""
        return self._replace(offset=self.offset + count)


#: No pointer: a field that is not used.
NOWHERE = Pointer(FIXED, 0)


def offsets_in(space: int, pointers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell which encoded pointers are in a space, and their offsets: bool and int64, as many."""
    return pointers >> _SHIFT == space, pointers & _MASK


@kernel()
def resolve(bases: Any, pointer: Any) -> Any:
    """The address that an encoded pointer means.

    Args:
        bases: int64 (spaces,), the address of each space for the images at hand.
        pointer: int64, as `Pointer.encoded`.

    Returns:
        int64.
    """
    return bases[pointer >> _SHIFT] + (pointer & _MASK)
