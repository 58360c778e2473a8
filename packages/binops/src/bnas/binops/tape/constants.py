"""`Constants`: what a tape reads, one array after the other in the order of its operations."""

from __future__ import annotations

import numpy as np

from bnas.binops.tape.buffers import buffer

#: Bytes of the first piece of memory; the next ones are as large as all before them together.
_LEAST = 1 << 16
#: Bytes of a piece at most, where one array does not need more.
_MOST = 1 << 23


class Constants:
    """Collects arrays in few pieces of memory.

    A network reads its constants once an image, in this order, mostly from beyond the second-level
    cache: in a row, and on huge pages, they come sooner than from as many places as arrays.

    Attributes:
        chunks: uint8 each, the pieces.
    """

    def __init__(self) -> None:
        self.chunks: list[np.ndarray] = []
        self._used = 0
        self._total = 0

    def keep(self, array: np.ndarray, align: int) -> int:
        """Copy an array.

        Args:
            array: The values.
            align: Bytes that its address is to be a multiple of.

        Returns:
            The address of the copy; what it points to lives as long as `chunks`.
        """
        size = array.nbytes
        if not self.chunks or self._used + size + align > len(self.chunks[-1]):
            room = max(size + align, min(max(self._total, _LEAST), _MOST))
            self.chunks.append(buffer(room))
            self._used, self._total = 0, self._total + room
        chunk = self.chunks[-1]
        start = self._used + -(chunk.ctypes.data + self._used) % align
        self._used = start + size
        chunk[start : self._used] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return chunk.ctypes.data + start
