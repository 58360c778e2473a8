"""The interpreter of tapes: one compiled loop over the operations."""

from __future__ import annotations

import numpy as np
from numba import carray, from_dtype, prange

from bnas.binops.portable.jit import kernel
from bnas.binops.table.quads import MAX_VECTORS
from bnas.binops.tape import records
from bnas.binops.tape.bit_kernels import run_pool_bits, run_restage, run_unpack
from bnas.binops.tape.conv_kernel import run_conv
from bnas.binops.tape.float_kernels import run_float, run_linear, run_pool
from bnas.binops.tape.pack_kernel import run_pack
from bnas.binops.tape.pointers import ARENA, PORT
from bnas.binops.tape.real_conv_kernel import run_real_conv
from bnas.binops.tape.records import Kind
from bnas.binops.tape.stage_kernel import run_stage
from bnas.binops.tape.views import _pointer_to

_INDEX = {name: index for index, name in enumerate(records.TABLES)}
_to_ops, _to_stages, _to_convs, _to_packs, _to_pool_bits, _to_restages, _to_unpacks = (
    _pointer_to(from_dtype(records.TABLES[name])) for name in list(records.TABLES)[:7]
)
_to_real_convs, _to_floats, _to_pools, _to_linears, _to_epilogues, _to_readers, _to_planes = (
    _pointer_to(from_dtype(records.TABLES[name])) for name in list(records.TABLES)[7:]
)
_OPS, _STAGES, _CONVS, _PACKS, _POOL_BITS, _RESTAGES, _UNPACKS = range(7)
_REAL_CONVS, _FLOATS, _POOLS, _LINEARS, _EPILOGUES, _READERS, _PLANES = range(7, 14)


@kernel()
def _run_bits(tag, lut, tables, bases, kind, index, images, block, bits):
    """Run an operation on bits."""
    epilogues = carray(_to_epilogues(tables[_EPILOGUES, 0]), (tables[_EPILOGUES, 1],))
    readers = carray(_to_readers(tables[_READERS, 0]), (tables[_READERS, 1],))
    planes = carray(_to_planes(tables[_PLANES, 0]), (tables[_PLANES, 1],))
    if kind == Kind.CONV:
        conv = carray(_to_convs(tables[_CONVS, 0]), (tables[_CONVS, 1],))[index]
        # Two quads share the bytes of an output: blocks are of whole bytes.
        pairs = -(-conv.quads // 2)
        first = 2 * (pairs * block[0] // block[1])
        last = min(conv.quads, 2 * (pairs * (block[0] + 1) // block[1]))
        chosen = (first, last)
        run_conv(tag, bases, lut, conv, chosen, (epilogues, readers, planes), images, bits)
    elif kind == Kind.PACK:
        pack = carray(_to_packs(tables[_PACKS, 0]), (tables[_PACKS, 1],))[index]
        run_pack(tag, bases, pack, readers, planes, images, bits)
    elif kind == Kind.STAGE:
        staging = carray(_to_stages(tables[_STAGES, 0]), (tables[_STAGES, 1],))[index]
        run_stage(tag, bases, staging, images, bits)
    elif kind == Kind.POOL_BITS:
        pool = carray(_to_pool_bits(tables[_POOL_BITS, 0]), (tables[_POOL_BITS, 1],))[index]
        run_pool_bits(tag, bases, pool, planes, images)
    elif kind == Kind.RESTAGE:
        restaging = carray(_to_restages(tables[_RESTAGES, 0]), (tables[_RESTAGES, 1],))[index]
        run_restage(bases, restaging, images)
    elif kind == Kind.UNPACK:
        unpacking = carray(_to_unpacks(tables[_UNPACKS, 0]), (tables[_UNPACKS, 1],))[index]
        run_unpack(bases, unpacking, images)


@kernel()
def _run_floats(tag, tables, bases, kind, index, images):
    """Run an operation on floats."""
    if kind == Kind.REAL_CONV:
        conv = carray(_to_real_convs(tables[_REAL_CONVS, 0]), (tables[_REAL_CONVS, 1],))[index]
        run_real_conv(tag, bases, conv, images)
    elif kind == Kind.FLOAT:
        floats = carray(_to_floats(tables[_FLOATS, 0]), (tables[_FLOATS, 1],))[index]
        run_float(bases, floats, images)
    elif kind == Kind.POOL:
        pool = carray(_to_pools(tables[_POOLS, 0]), (tables[_POOLS, 1],))[index]
        run_pool(bases, pool, images)
    elif kind == Kind.LINEAR:
        linear = carray(_to_linears(tables[_LINEARS, 0]), (tables[_LINEARS, 1],))[index]
        run_linear(bases, linear, images)


@kernel()
def _run_lane(tag, lut, tables, arena, ports, images, chunk, ops, block):
    """Run operations on a range of images, a chunk at a time.

    Args:
        tag: The instruction set.
        lut: The look-up tables.
        tables: int64 (kinds, 2), address and number of the records of each type.
        arena: Address of the lane's arena, a multiple of 64.
        ports: int64 (ports, 2), address of each array and bytes between its images.
        images: First image, and the one after the last.
        chunk: Most images at a time.
        ops: First operation, and the one after the last.
        block: Number of the block of output channels, and of all blocks.
    """
    bases = np.zeros(PORT + ports.shape[0], np.int64)
    bases[ARENA] = arena
    bits = np.empty(MAX_VECTORS * tag.lanes, np.uint8)
    listed = carray(_to_ops(tables[_OPS, 0]), (tables[_OPS, 1],))
    image = images[0]
    while image < images[1]:
        together = min(chunk, images[1] - image)
        for port in range(ports.shape[0]):
            bases[PORT + port] = ports[port, 0] + image * ports[port, 1]
        for number in range(ops[0], ops[1]):
            op = listed[number]
            if op.kind <= Kind.UNPACK:
                _run_bits(tag, lut, tables, bases, op.kind, op.index, together, block, bits)
            else:
                _run_floats(tag, tables, bases, op.kind, op.index, together)
        image += together


@kernel()
def run_serial(tag, lut, tables, arena, ports, images, chunk, ops):
    """Run operations on all images, on this thread; arguments as for `run_parallel`."""
    base = (arena.ctypes.data + 63) // 64 * 64
    _run_lane(tag, lut, tables, base, ports, (0, images), chunk, ops, (0, 1))


@kernel(parallel=True)
def run_parallel(tag, lut, tables, arena, ports, images, chunk, ops, lanes, blocks):
    """Run operations on all images, on threads.

    Args:
        tag: The instruction set.
        lut: The look-up tables.
        tables: int64 (kinds, 2).
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
        _run_lane(tag, lut, tables, base, ports, (first, last), chunk, ops, (block, blocks))
