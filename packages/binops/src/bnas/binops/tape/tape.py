"""`Tape`: operations that are ready to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bnas.binops.dispatch import choose_backend
from bnas.binops.table.isa import GENERIC, ISAS, Isa
from bnas.binops.table.weights import look_up_tables
from bnas.binops.tape.buffers import buffer
from bnas.binops.tape.records import TABLES, Kind
from bnas.binops.tape.reservations import Reservations
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
        memory: The pieces of a thread's arena.
    """

    def __init__(
        self,
        isa: Isa,
        tables: dict[str, np.ndarray],
        constants: Sequence[np.ndarray],
        memory: Reservations,
    ) -> None:
        self.isa = isa
        self._memory = memory
        self._records = tables
        self._constants = tuple(constants)
        self._lut = look_up_tables().ctypes.data
        places = [(table.ctypes.data, len(table)) for table in tables.values()]
        self._tables = np.array(places, np.int64)
        self._entries: np.ndarray | None = None
        self._serial: Callable[..., None] | None = None

    def __len__(self) -> int:
        """Number of operations."""
        return len(self._records["ops"])

    @property
    def images(self) -> int:
        """Most images that an arena holds."""
        return self._memory.images

    @property
    def arena_bytes(self) -> int:
        """Bytes of a thread's arena."""
        return self._memory.size

    def for_images(self, images: int) -> Tape:
        """The same operations, on arenas with room for another number of images.

        Constants are shared. Steps between images are the same; pieces of the arena lie elsewhere.
        """
        memory = self._memory.resized(images)
        tables = {name: self._memory.moved(part, memory) for name, part in self._records.items()}
        return Tape(self.isa, tables, self._constants, memory)

    def arena(self, lanes: int = 1) -> np.ndarray:
        """Allocate an arena for each of some lanes and set what must be set in them.

        Args:
            lanes: Parts of the work that run at the same time.

        Returns:
            uint8 (lanes, bytes); for one run at a time.
        """
        size = self.arena_bytes + _SLACK
        arena = buffer(lanes * size).reshape(lanes, size)
        for lane in arena if self._memory.fills else ():
            start = -lane.ctypes.data % 64
            for offset, count, value in self._memory.fills:
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
        chosen = ops or (0, len(self))
        # Too few lanes for a set of blocks: one of them takes all.
        lanes = min(threads, images * blocks, len(arena)) // blocks * blocks
        if lanes <= 1:
            if self._serial is None:
                from bnas.binops.tape.run import SerialRun

                self._serial = SerialRun(*self._fixed())
            self._serial(arena, ports, images, self.images, chosen)
            return
        from bnas.binops.tape.run import run_parallel

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
    from bnas.binops.tape.run import SerialRun, run_parallel

    isa = best_isa()
    nothing = np.zeros((len(TABLES), 2), np.int64)
    fixed = (isa.tag, look_up_tables().ctypes.data, nothing, _entries(isa, list(Kind)))
    arena, ports = np.empty((1, 1), np.uint8), np.zeros((2, 2), np.int64)
    SerialRun(*fixed)(arena, ports, 0, 1, (0, 0))
    with parallel_region(1):
        run_parallel(*fixed, arena, ports, 0, 1, (0, 0), 1, 1)


def _entries(isa: Isa, kinds: Iterable[int]) -> np.ndarray:
    from bnas.binops.tape.entries import entry_address

    entries = np.zeros(len(Kind), np.int64)
    for kind in kinds:
        entries[kind] = entry_address(int(kind), isa.tag)
    return entries
