"""`TapeBuilder`: writes the records of a tape, operation by operation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from bnas.binops.table.isa import Isa
from bnas.binops.tape import records
from bnas.binops.tape.constants import Constants
from bnas.binops.tape.pointers import ARENA, FIXED, Pointer
from bnas.binops.tape.records import Kind
from bnas.binops.tape.reservations import Reservations
from bnas.binops.tape.tape import Tape

#: Values of a cache line.
_LINE_FLOATS = 16
#: The space of pointers into scratch memory, which lies behind all else in an arena.
_SCRATCH = -1


class TapeBuilder:
    """Collects operations, the constants they read and the memory they need.

    The functions in `bnas.binops.tape.operations` and `bnas.binops.tape.convolution` write the
    operations themselves.

    Args:
        isa: The instruction set.
        images: Images that the arena holds at a time.
    """

    def __init__(self, isa: Isa, images: int = 1) -> None:
        self.isa = isa
        self.images = images
        self._rows: dict[str, list[tuple[Pointer | int, ...]]] = defaultdict(list)
        self._constants = Constants()
        self._memory = Reservations(images)
        self._scratch_used = self._scratch_bytes = 0

    def reserve(
        self, bytes_an_image: int, *, shared: bool = False, fill: int | None = None
    ) -> Pointer:
        """Reserve memory of the arena.

        Args:
            bytes_an_image: Bytes for one image.
            shared: All images use the same bytes, one after the other.
            fill: What every byte is before the first run; None for anything.

        Returns:
            Where it lies.
        """
        offset, step = self._memory.take(bytes_an_image, shared, fill)
        return Pointer(ARENA, offset, step)

    def scratch(self, size: int) -> Pointer:
        """Name memory that the next operation uses while it runs; every other one may use it then.

        Args:
            size: Bytes.

        Returns:
            Where it lies, apart from what else was named for the same operation.
        """
        place = Pointer(_SCRATCH, self._scratch_used)
        self._scratch_used += -(-size // 64) * 64
        self._scratch_bytes = max(self._scratch_bytes, self._scratch_used)
        return place

    def row_floats(self, pixels: int) -> int:
        """Values from row to row of floats: whole vectors of bytes, as the kernels write them.

        Rows of a multiple of half a kilobyte are a cache line longer: the same pixels of many
        channels, which go together, would else meet in a few sets of the cache.
        """
        length = -(-pixels // self.isa.lanes) * self.isa.lanes
        return length + _LINE_FLOATS if length % (8 * _LINE_FLOATS) == 0 else length

    def constant(self, array: np.ndarray, align: int = 1) -> Pointer:
        """Keep an array, or a copy of it, and point to it.

        Args:
            array: The values; not to be changed any more.
            align: Bytes that its address is a multiple of.
        """
        return Pointer(FIXED, self._constants.keep(array, align))

    def record(self, table: str, **fields: Any) -> int:
        """Add a record and return its index.

        Args:
            table: Key of `records.TABLES`.
            fields: All of its fields; pointers and numbers.
        """
        names = records.TABLES[table].names
        assert names is not None
        assert set(fields) == set(names), set(fields) ^ set(names)
        values = (fields[name] for name in names)
        self._rows[table].append(tuple(v if isinstance(v, Pointer) else int(v) for v in values))
        return len(self._rows[table]) - 1

    def op(self, kind: Kind, table: str, **fields: Any) -> None:
        """Add an operation."""
        self.record("ops", kind=kind, index=self.record(table, **fields))
        self._scratch_used = 0

    def __len__(self) -> int:
        """Operations so far."""
        return len(self._rows["ops"])

    def build(self) -> Tape:
        """Return the tape."""
        memory = self._memory
        start, _ = memory.take(self._scratch_bytes, True, None)
        tables = {
            name: np.array([_numbers(row, start) for row in self._rows[name]], dtype)
            for name, dtype in records.TABLES.items()
        }
        return Tape(self.isa, tables, self._constants.pieces, memory)


def _numbers(row: tuple[Pointer | int, ...], scratch: int) -> tuple[int, ...]:
    """Encode the pointers of a record, those into scratch memory from where that begins."""
    return tuple(_encoded(value, scratch) if isinstance(value, Pointer) else value for value in row)


def _encoded(pointer: Pointer, scratch: int) -> int:
    if pointer.space == _SCRATCH:
        pointer = Pointer(ARENA, scratch + pointer.offset)
    return pointer.encoded()
