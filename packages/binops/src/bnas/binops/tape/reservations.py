"""`Reservations`: the memory of an arena, given out piece by piece."""

from __future__ import annotations

import math

import attrs
import numpy as np

from bnas.binops.tape.pointers import ARENA, offsets_in


@attrs.define
class Reservations:
    """Memory of an arena, given out piece by piece.

    Args:
        images: Images that every piece has room for.
    """

    images: int
    size: int = 0
    fills: list[tuple[int, int, int]] = attrs.field(factory=list)
    _taken: list[tuple[int, bool, int | None]] = attrs.field(factory=list)
    _starts: list[int] = attrs.field(factory=list)

    def take(self, bytes_an_image: int, shared: bool, fill: int | None) -> tuple[int, int]:
        """Reserve a piece, in whole cache lines.

        Args:
            bytes_an_image: Bytes for one image.
            shared: All images use the same bytes, one after the other.
            fill: What every byte of it is before the first run; None for anything.

        Returns:
            Its offset, and the bytes between images.
        """
        step = math.ceil(bytes_an_image / 64) * 64
        count = step if shared else step * self.images
        offset = self.size
        self.size += count
        if fill is not None:
            self.fills.append((offset, count, fill))
        self._taken.append((bytes_an_image, shared, fill))
        self._starts.append(offset)
        return offset, 0 if shared else step

    def resized(self, images: int) -> Reservations:
        """The same pieces, with room for another number of images each."""
        others = Reservations(images)
        for piece in self._taken:
            others.take(*piece)
        return others

    def moved(self, records: np.ndarray, target: Reservations) -> np.ndarray:
        """Copy records, with what they point to in these pieces moved to where others have it.

        Bytes between the images of a piece are the same for any number of them.

        Args:
            records: int64 fields, those that end in ``at`` encoded pointers.
            target: From `resized`.
        """
        moved = records.copy()
        starts = np.array(self._starts, np.int64)
        shifts = np.array(target._starts, np.int64) - starts
        for name in records.dtype.names or ():
            if name.split("_")[-1] == "at" and len(starts):
                here, offsets = offsets_in(ARENA, records[name])
                piece = np.searchsorted(starts, offsets, side="right") - 1
                moved[name] += np.where(here, shifts[piece], 0)
        return moved
