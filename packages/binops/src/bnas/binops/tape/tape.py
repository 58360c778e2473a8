"""`Tape`: operations that are ready to run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from bnas.binops.dispatch import choose_backend
from bnas.binops.table.isa import GENERIC, ISAS, Isa
from bnas.binops.table.weights import look_up_tables
from bnas.binops.tape.records import TABLES, Kind
from bnas.binops.threads import parallel_region


def best_isa() -> Isa:
    """The instruction set of the backend in use; a generic one if that has no vectors of bytes.

    Raises:
        UnknownBackendError: ``BNAS_BINOPS_BACKEND`` names none.
        BackendUnavailableError: It names one that cannot be used here.
    """
    return ISAS.get(choose_backend().name, GENERIC)


#: Bytes that arenas of different threads lie apart at least: vectors may read over an end.
_SLACK = 256


class Tape:
    """Operations with all that they point to. It holds no memory of its own to write to.

    Args:
        isa: The instruction set.
        tables: Name of a record type -> its records; the keys of `records.TABLES`.
        constants: Arrays that the records point to, kept alive.
        arena_bytes: Bytes of a thread's arena.
        fills: Offset, number and value of the bytes of an arena that are set before the first run.
        images: Most images that the arena holds.
    """

    def __init__(
        self,
        isa: Isa,
        tables: dict[str, np.ndarray],
        constants: Sequence[np.ndarray],
        arena_bytes: int,
        fills: Sequence[tuple[int, int, int]],
        images: int,
    ) -> None:
        self.isa = isa
        self.arena_bytes = arena_bytes
        self.images = images
        self._records = tables
        self._constants = tuple(constants)
        self._fills = tuple(fills)
        self._lut = look_up_tables().ctypes.data
        places = [(table.ctypes.data, len(table)) for table in tables.values()]
        self._tables = np.array(places, np.int64)
        self._entries: np.ndarray | None = None

    def __len__(self) -> int:
        """Number of operations."""
        return len(self._records["ops"])

    def arena(self, lanes: int = 1) -> np.ndarray:
        """Allocate an arena for each of some lanes and set what must be set in them.

        Args:
            lanes: Parts of the work that run at the same time.

        Returns:
            uint8 (lanes, bytes); for one run at a time.
        """
        arena = np.empty((lanes, self.arena_bytes + _SLACK), np.uint8)
        for lane in arena if self._fills else ():
            start = -lane.ctypes.data % 64
            for offset, count, value in self._fills:
                lane[start + offset : start + offset + count] = value
        return arena

    def run(
        self,
        arena: np.ndarray,
        ports: np.ndarray,
        images: int,
        threads: int = 1,
        *,
        ops: tuple[int, int] | None = None,
        blocks: int = 1,
    ) -> None:
        """Run operations.

        Args:
            arena: From `arena`, with as many lanes as are used.
            ports: int64 (ports, 2), address of each array that pointers name and bytes between its
                images; the caller keeps the arrays alive.
            images: Number of images.
            threads: Threads to use; each takes a lane of `arena`.
            ops: First operation, and the one after the last; None for all.
            blocks: Blocks that the output channels of every convolution are cut into, one lane
                each; only right where no operation reads what another block's lane wrote.
        """
        from bnas.binops.tape.run import run_parallel, run_serial

        chosen = ops or (0, len(self))
        # Too few lanes for a set of blocks: one of them takes all.
        lanes = min(threads, images * blocks, len(arena)) // blocks * blocks
        if lanes <= 1:
            run_serial(*self._fixed(), arena, ports, images, self.images, chosen)
            return
        fixed = self._fixed()
        with parallel_region(threads):
            run_parallel(*fixed, arena, ports, images, self.images, chosen, lanes, blocks)

    def run_once(self, source: np.ndarray, target: np.ndarray) -> None:
        """Run all operations from one array into another, on one thread and in fresh memory.

        Only for a tape with nothing to set in its arena.

        Args:
            source: What pointers into port 0 read, images in C order.
            target: What pointers into port 1 write, the same.
        """
        from bnas.binops.tape.run import run_once

        size = self.arena_bytes + _SLACK
        run_once(*self._fixed(), size, source, target, len(source), self.images, len(self))

    def _fixed(self) -> tuple[Any, int, np.ndarray, np.ndarray]:
        """The first arguments of every kernel."""
        if self._entries is None:
            self._entries = self._load_entries()
        return self.isa.tag, self._lut, self._tables, self._entries

    def _load_entries(self) -> np.ndarray:
        """Compile or load the operations of this tape, and return their addresses by kind."""
        return _entries(self.isa, np.unique(self._records["ops"]["kind"]))


def load_operations() -> None:
    """Compile or load every operation and both interpreters, for the backend in use."""
    from bnas.binops.tape.run import run_parallel, run_serial

    isa = best_isa()
    nothing = np.zeros((len(TABLES), 2), np.int64)
    fixed = (isa.tag, look_up_tables().ctypes.data, nothing, _entries(isa, list(Kind)))
    arena, ports = np.empty((1, 1), np.uint8), np.zeros((2, 2), np.int64)
    run_serial(*fixed, arena, ports, 0, 1, (0, 0))
    with parallel_region(1):
        run_parallel(*fixed, arena, ports, 0, 1, (0, 0), 1, 1)


def _entries(isa: Isa, kinds: Iterable[int]) -> np.ndarray:
    from bnas.binops.tape.entries import entry_address

    entries = np.zeros(len(Kind), np.int64)
    for kind in kinds:
        entries[kind] = entry_address(int(kind), isa.tag)
    return entries


@attrs.define
class Reservations:
    """Memory of an arena, given out piece by piece.

    Args:
        images: Images that every piece has room for.
    """

    images: int
    size: int = 0
    fills: list[tuple[int, int, int]] = attrs.field(factory=list)

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
        return offset, 0 if shared else step
