"""`Workspace`: a tape's arenas, as large as what has come so far."""

from __future__ import annotations

import numpy as np

from bnas.binops import tape


class Workspace:
    """The memory that a tape runs in, kept from run to run.

    As long as every lane has had one image at a time there is room for one; the first time that
    several go together there is room for as many as ever will. Neither costs a run that needs no
    more than what is there.

    Args:
        largest: The tape, for all the images that may go together.
        main: Operations of a run; those behind them are run once an arena.
    """

    def __init__(self, largest: tape.Tape, main: int) -> None:
        self.main = main
        self._once = (main, len(largest))
        self._largest = largest
        self._tape = largest.for_images(1)
        self._arena = np.empty((0, 0), np.uint8)

    @property
    def images_together(self) -> int:
        """Most images that will go together."""
        return self._largest.images

    @property
    def bytes_per_lane(self) -> int:
        """Bytes of an arena, so far."""
        return self._tape.arena_bytes

    def run(
        self,
        ports: np.ndarray,
        images: int,
        lanes: int = 1,
        *,
        together: int,
        ops: tuple[int, int] | None = None,
    ) -> None:
        """Run operations, from the same memory as the run before if that has the room.

        Args:
            ports: int64 (ports, 2), as for `tape.Tape.run`.
            images: Number of images.
            lanes: Threads, an arena each.
            together: Images of a lane, of which as many go together as can.
            ops: First operation, and the one after the last; None for all of a run.
        """
        is_narrow = self._tape.images < min(together, self._largest.images)
        if is_narrow or len(self._arena) < lanes:
            self._grow(max(lanes, len(self._arena)), is_narrow)
        self._tape.run(self._arena, ports, images, lanes, ops=ops or (0, self.main))

    def _grow(self, lanes: int, is_narrow: bool) -> None:
        """Allocate arenas, and make the bits in them that are the same for every image."""
        if is_narrow:
            self._tape = self._largest
        # The old ones go first: both are never there at once.
        self._arena = np.empty((0, 0), np.uint8)
        arena = self._tape.arena(lanes)
        if self._once[0] < self._once[1]:
            nowhere = np.zeros((2, 2), np.int64)
            for lane in range(lanes):
                self._tape.run(arena[lane:], nowhere, self._tape.images, ops=self._once)
        # Not before its bits are there: whatever interrupts this, the next run begins it anew.
        self._arena = arena

    def memory(self, at: tape.Pointer, image: int) -> np.ndarray:
        """The bytes of the first lane from a place of the largest tape on, after a run of it."""
        assert self._tape.images == self._largest.images, "places are those of the largest arena"
        lane: np.ndarray = self._arena[0]
        return lane[-lane.ctypes.data % 64 + at.offset + image * at.step :]
