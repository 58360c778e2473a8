"""`TapeBuilder`: writes the records of a tape, operation by operation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from bnas.binops.table.isa import Isa
from bnas.binops.tape import records
from bnas.binops.tape.pointers import ARENA, FIXED, Pointer
from bnas.binops.tape.records import Kind
from bnas.binops.tape.reservations import Reservations
from bnas.binops.tape.tape import Tape


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
        self._rows: dict[str, list[tuple[int, ...]]] = defaultdict(list)
        self._constants: list[np.ndarray] = []
        self._memory = Reservations(images)

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

    def row_floats(self, pixels: int) -> int:
        """Values from row to row of floats: whole vectors of bytes, as the kernels write them."""
        return -(-pixels // self.isa.lanes) * self.isa.lanes

    def constant(self, array: np.ndarray) -> Pointer:
        """Keep an array and point to it; it is copied unless it is in C order."""
        kept = np.ascontiguousarray(array)
        self._constants.append(kept)
        return Pointer(FIXED, kept.ctypes.data)

    def record(self, table: str, **fields: Any) -> int:
        """Add a record and return its index.

        Args:
            table: Key of `records.TABLES`.
            fields: All of its fields; pointers and numbers.
        """
        names = records.TABLES[table].names
        assert names is not None and set(fields) == set(names), set(fields) ^ set(names)
        values = (fields[name] for name in names)
        row = tuple(v.encoded() if isinstance(v, Pointer) else int(v) for v in values)
        self._rows[table].append(row)
        return len(self._rows[table]) - 1

    def op(self, kind: Kind, table: str, **fields: Any) -> None:
        """Add an operation."""
        self.record("ops", kind=kind, index=self.record(table, **fields))

    def __len__(self) -> int:
        """Operations so far."""
        return len(self._rows["ops"])

    def build(self) -> Tape:
        """Return the tape."""
        tables = {name: np.array(self._rows[name], dtype) for name, dtype in records.TABLES.items()}
        return Tape(self.isa, tables, self._constants, self._memory)
