"""`Constants`: what a tape reads, one array after the other in the order of its operations."""

from __future__ import annotations

import numpy as np

from bnas.binops.tape.buffers import buffer

#: Bytes of the first piece of memory; the next ones are as large as all before them together.
_LEAST = 1 << 16
#: Bytes of a piece at most.
_MOST = 1 << 23
#: Bytes from which an array has a piece of its own.
_LARGE = 1 << 20
#: Bytes of a cache line.
_LINE = 64


class Constants:
    """Collects arrays in few pieces of memory.

    A network reads its constants once an image, in this order, mostly from beyond the second-level
    cache: in a row, and on huge pages, they come sooner than from as many places as arrays.

    Attributes:
        pieces: What addresses point into, kept alive.
    """

    def __init__(self) -> None:
        self.pieces: list[np.ndarray] = []
        self._rest = np.empty(0, np.uint8)
        self._total = 0

    def keep(self, array: np.ndarray, align: int = 1) -> int:
        """Copy an array to a cache line of its own; a large one is copied only if it has to be.

        Args:
            array: The values; not to be changed any more.
            align: Bytes that its address is to be a multiple of.

        Returns:
            The address, which lives as long as `pieces`.
        """
        ordered = np.ascontiguousarray(array)
        if ordered.nbytes >= _LARGE and ordered.ctypes.data % align == 0:
            self.pieces.append(ordered)
            return ordered.ctypes.data
        # NumPy does not tell where nothing lies.
        place = self._place(max(1, ordered.nbytes), max(align, _LINE))
        place[: ordered.nbytes] = ordered.reshape(-1).view(np.uint8)
        return place.ctypes.data

    def _place(self, size: int, align: int) -> np.ndarray:
        """Take memory: uint8 (size,)."""
        if size + align > len(self._rest):
            self._rest = buffer(max(size + align, min(max(self._total, _LEAST), _MOST)))
            self.pieces.append(self._rest)
            self._total += len(self._rest)
        start = -self._rest.ctypes.data % align
        place, self._rest = self._rest[start : start + size], self._rest[start + size :]
        return place
