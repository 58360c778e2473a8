"""The interpreter of tapes: one compiled loop over the operations."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np
from numba import carray, from_dtype, int64, prange, typeof

from bnas.binops.jit import kernel
from bnas.binops.machine_code import address_of
from bnas.binops.table.quads import MAX_VECTORS
from bnas.binops.tape.entries import call_entry
from bnas.binops.tape.pointers import ARENA, PORT, SPACES
from bnas.binops.tape.records import OP
from bnas.binops.tape.views import longs_at, pointer_to

_to_ops = pointer_to(from_dtype(OP))
_to_longs = pointer_to(int64)


@kernel()
def _pairs_at(address: Any, count: Any) -> Any:
    """int64 (count, 2)."""
    return carray(_to_longs(address), (count, 2))


@kernel()
def _run_lane(
    tag: Any, fixed: Any, arena: Any, ports: Any, images: Any, chunk: Any, ops: Any, block: Any
) -> None:
    """Run operations on a range of images, a chunk at a time.

    Args:
        tag: The instruction set.
        fixed: Address of the look-up tables; int64 (types, 2), address and number of the records of
            each type; int64 (kinds,), addresses of the operations.
        arena: Address of the lane's arena, a multiple of 64.
        ports: int64 (ports, 2), address of each array and bytes between its images.
        images: First image, and the one after the last.
        chunk: Most images at a time.
        ops: First operation, and the one after the last.
        block: Number of the block of output channels, and of all blocks.
    """
    lut, tables, entries = fixed
    bases = np.zeros(SPACES, np.int64)
    bits = np.empty(MAX_VECTORS * tag.lanes, np.uint8)
    bases[ARENA] = arena
    listed = carray(_to_ops(tables[0, 0]), (tables[0, 1],))
    image = images[0]
    while image < images[1]:
        together = min(chunk, images[1] - image)
        for port in range(ports.shape[0]):
            bases[PORT + port] = ports[port, 0] + image * ports[port, 1]
        for number in range(ops[0], ops[1]):
            op = listed[number]
            call_entry(
                entries[op.kind],
                tag,
                lut,
                tables.ctypes.data,
                bases.ctypes.data,
                op.index,
                together,
                block[0],
                block[1],
                bits.ctypes.data,
            )
        image += together
    # A last use: without one Numba could free them before the operations ran.
    bases[0] = bits[0]


@kernel()
def _serial(
    tag: Any, fixed: Any, arena: Any, ports: Any, arrays: Any, images: Any, chunk: Any, first: Any,
    end: Any,
) -> None:  # fmt: skip
    """Run operations on all images, on this thread; all but the tag are int64.

    Args:
        tag: The instruction set.
        fixed: Address of five: that of the look-up tables, and addresses and lengths of `tables`
            and `entries`.
        arena: Address of the arena.
        ports: Address of the ports.
        arrays: Their number.
        images: Number of images.
        chunk: Most images at a time.
        first: First operation.
        end: The one after the last.
    """
    given = longs_at(fixed, 5)
    found = (given[0], _pairs_at(given[1], given[2]), longs_at(given[3], given[4]))
    base = (arena + 63) // 64 * 64
    _run_lane(tag, found, base, _pairs_at(ports, arrays), (0, images), chunk, (first, end), (0, 1))


#: Numbers that `_serial` takes beside the tag.
_NUMBERS = 8
#: A fifth of the time that `array.ctypes.data` takes.
_beginning = (ctypes.c_char * 0).from_buffer


@functools.cache
def _loaded(tag: Any) -> Any:
    """`_serial` for an instruction set, called by its address: that takes no compiler to load."""
    address = address_of(_serial, (typeof(tag), *(int64,) * _NUMBERS))
    places, numbers = (ctypes.c_void_p,) * 2, (ctypes.c_int64,) * (len(tag) + _NUMBERS)
    return ctypes.CFUNCTYPE(ctypes.c_int32, *places, *numbers)(address)


class SerialRun:
    """Runs operations on all images, on the thread that calls it.

    Args:
        tag: The instruction set.
        lut: Address of the look-up tables.
        tables: int64 (types, 2); kept alive by the caller, as `entries` is.
        entries: int64 (kinds,).
    """

    def __init__(self, tag: Any, lut: Any, tables: Any, entries: Any) -> None:
        places = (tables.ctypes.data, len(tables), entries.ctypes.data, len(entries))
        self._call = _loaded(tag)
        self._fixed = np.array([lut, *places], np.int64)
        # Where the function writes its result, None, and an error; nobody reads either.
        self._result = ctypes.create_string_buffer(16)
        result = ctypes.addressof(self._result)
        self._always = (result, result + 8, *tag, self._fixed.ctypes.data)

    def __call__(self, arena: Any, ports: Any, images: Any, chunk: Any, ops: Any) -> None:
        """Run; arguments as for `run_parallel`, arrays in C order and writable."""
        places = (ctypes.addressof(_beginning(arena)), ctypes.addressof(_beginning(ports)))
        if self._call(*self._always, *places, len(ports), images, chunk, *ops):
            raise MemoryError("no memory for what a lane needs beside its arena")


@kernel()
def run_once(
    tag: Any, lut: Any, tables: Any, entries: Any, arena_bytes: Any, source: Any, target: Any,
    images: Any, chunk: Any, ops: Any,
) -> None:  # fmt: skip
    """Run all operations on one array into another, on this thread and in fresh memory.

    What `SerialRun` does, for a single small operation: arrays that Numba looks into cost a
    fifth of what Python takes to ask for their addresses.

    Args:
        tag: The instruction set.
        lut: Address of the look-up tables.
        tables: int64 (types, 2).
        entries: int64 (kinds,).
        arena_bytes: Bytes of the arena.
        source: Port 0: an array of images in C order.
        target: Port 1: the same.
        images: Number of images.
        chunk: Most images at a time.
        ops: Number of operations.
    """
    arena = np.empty(arena_bytes, np.uint8)
    ports = np.empty((2, 2), np.int64)
    ports[0, 0], ports[0, 1] = source.ctypes.data, source.strides[0]
    ports[1, 0], ports[1, 1] = target.ctypes.data, target.strides[0]
    base = (arena.ctypes.data + 63) // 64 * 64
    fixed = (lut, tables, entries)
    _run_lane(tag, fixed, base, ports, (0, images), chunk, (0, ops), (0, 1))
    # A last use, lest Numba frees it before.
    ports[0, 0] = arena[0]


@kernel(parallel=True)
def run_parallel(
    tag: Any, lut: Any, tables: Any, entries: Any, arena: Any, ports: Any, images: Any, chunk: Any,
    ops: Any, lanes: Any, blocks: Any,
) -> None:  # fmt: skip
    """Run operations on all images, on threads.

    Args:
        tag: The instruction set.
        lut: Address of the look-up tables.
        tables: int64 (types, 2).
        entries: int64 (kinds,).
        arena: uint8 (lanes, bytes).
        ports: int64 (ports, 2).
        images: Number of images.
        chunk: Most images at a time.
        ops: First operation, and the one after the last.
        lanes: Parts, one arena each: blocks of output channels times ranges of images.
        blocks: Blocks of output channels that every convolution is cut into.
    """
    ranges = lanes // blocks
    for number in prange(lanes):
        lane = np.int64(number)
        turn, block = divmod(lane, blocks)
        first, last = images * turn // ranges, images * (turn + 1) // ranges
        base = (arena[lane].ctypes.data + 63) // 64 * 64
        fixed = (lut, tables, entries)
        _run_lane(tag, fixed, base, ports, (first, last), chunk, ops, (block, blocks))
