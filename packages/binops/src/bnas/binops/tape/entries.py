"""The entry point of every operation: compiled one by one, called by address.

Numba compiles a function anew into everything that calls it. The interpreter would take half a
minute that way, twice, for its serial and its parallel form; so each operation is a function of its
own, compiled (or loaded from the disk cache) when a tape first needs it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import carray, from_dtype, int64, typeof, types
from numba.extending import intrinsic

from bnas.binops.jit import kernel
from bnas.binops.machine_code import address_of
from bnas.binops.table.isa import Tag
from bnas.binops.table.quads import MAX_VECTORS
from bnas.binops.tape import records
from bnas.binops.tape.bit_kernels import run_pool_bits, run_restage, run_unpack
from bnas.binops.tape.conv_kernel import run_conv
from bnas.binops.tape.float_kernels import run_float, run_linear, run_pool
from bnas.binops.tape.pack_kernel import run_pack
from bnas.binops.tape.pointers import SPACES
from bnas.binops.tape.real_conv_kernel import run_real_conv
from bnas.binops.tape.records import Kind
from bnas.binops.tape.sliced_kernel import run_sliced_conv
from bnas.binops.tape.stage_kernel import run_stage
from bnas.binops.tape.views import bytes_at, longs_at, pointer_to

_NAMES = list(records.TABLES)
_EPILOGUES, _READERS, _PLANES = (_NAMES.index(name) for name in ("epilogues", "readers", "planes"))
_to_stage, _to_conv, _to_pack, _to_pool_bits, _to_restage, _to_unpack = (
    pointer_to(from_dtype(records.TABLES[name])) for name in _NAMES[1:7]
)
_to_real_conv, _to_float, _to_pool, _to_linear, _to_sliced_conv = (
    pointer_to(from_dtype(records.TABLES[name])) for name in _NAMES[7:12]
)
_to_epilogue, _to_reader, _to_planes = (
    pointer_to(from_dtype(records.TABLES[name])) for name in _NAMES[12:]
)


@kernel()
def _place(tables: Any, number: Any) -> Any:
    """Address and number of the records of one type."""
    return longs_at(tables + 16 * number, 2)


@kernel()
def _planes(tables: Any) -> Any:
    where = _place(tables, _PLANES)
    return carray(_to_planes(where[0]), (where[1],))


@kernel()
def _readers(tables: Any) -> Any:
    where = _place(tables, _READERS)
    return carray(_to_reader(where[0]), (where[1],))


@kernel()
def _stage(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.STAGE)
    record = carray(_to_stage(found[0]), (found[1],))[index]
    spare = bytes_at(bits, MAX_VECTORS * tag.lanes)
    run_stage(tag, longs_at(bases, SPACES), record, images, spare)


@kernel()
def _conv(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.CONV)
    record = carray(_to_conv(found[0]), (found[1],))[index]
    # Two quads share the bytes of an output: blocks are of whole bytes.
    pairs = -(-record.quads // 2)
    first = 2 * (pairs * block // blocks)
    last = min(record.quads, 2 * (pairs * (block + 1) // blocks))
    where = _place(tables, _EPILOGUES)
    epilogues = carray(_to_epilogue(where[0]), (where[1],))
    others = (epilogues, _readers(tables), _planes(tables))
    spare = bytes_at(bits, MAX_VECTORS * tag.lanes)
    run_conv(tag, longs_at(bases, SPACES), lut, record, (first, last), others, images, spare)


@kernel()
def _sliced_conv(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.SLICED_CONV)
    record = carray(_to_sliced_conv(found[0]), (found[1],))[index]
    octets = -(-record.quads // 2)
    part = octets * block // blocks, octets * (block + 1) // blocks
    where = _place(tables, _EPILOGUES)
    epilogues = carray(_to_epilogue(where[0]), (where[1],))
    others = (epilogues, _readers(tables), _planes(tables))
    spare = bytes_at(bits, MAX_VECTORS * tag.lanes)
    run_sliced_conv(tag, longs_at(bases, SPACES), record, part, others, images, spare)


@kernel()
def _pack(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.PACK)
    record = carray(_to_pack(found[0]), (found[1],))[index]
    spare = bytes_at(bits, MAX_VECTORS * tag.lanes)
    readers, planes = _readers(tables), _planes(tables)
    run_pack(tag, longs_at(bases, SPACES), record, readers, planes, images, spare)


@kernel()
def _pool_bits(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.POOL_BITS)
    record = carray(_to_pool_bits(found[0]), (found[1],))[index]
    run_pool_bits(tag, longs_at(bases, SPACES), record, _planes(tables), images)


@kernel()
def _restage(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.RESTAGE)
    record = carray(_to_restage(found[0]), (found[1],))[index]
    run_restage(tag, longs_at(bases, SPACES), record, images)


@kernel()
def _unpack(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.UNPACK)
    record = carray(_to_unpack(found[0]), (found[1],))[index]
    run_unpack(longs_at(bases, SPACES), record, images)


@kernel()
def _real_conv(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.REAL_CONV)
    record = carray(_to_real_conv(found[0]), (found[1],))[index]
    run_real_conv(tag, longs_at(bases, SPACES), record, images)


@kernel()
def _float(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.FLOAT)
    record = carray(_to_float(found[0]), (found[1],))[index]
    run_float(tag, longs_at(bases, SPACES), record, images)


@kernel()
def _pool(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.POOL)
    record = carray(_to_pool(found[0]), (found[1],))[index]
    run_pool(tag, longs_at(bases, SPACES), record, images)


@kernel()
def _linear(
    tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any, block: Any, blocks: Any,
    bits: Any,
) -> None:  # fmt: skip
    found = _place(tables, 1 + Kind.LINEAR)
    record = carray(_to_linear(found[0]), (found[1],))[index]
    run_linear(tag, longs_at(bases, SPACES), record, images)


#: In the order of `Kind`.
_ENTRIES = (
    _stage,
    _conv,
    _pack,
    _pool_bits,
    _restage,
    _unpack,
    _real_conv,
    _float,
    _pool,
    _linear,
    _sliced_conv,
)
_INTEGERS = (int64,) * 8


def entry_address(kind: int, tag: Tag) -> int:
    """Compile or load the operation of a kind, and return its address."""
    return address_of(_ENTRIES[kind], (typeof(tag), *_INTEGERS))


@intrinsic
def call_entry(
    typing: Any, address: Any, tag: Any, lut: Any, tables: Any, bases: Any, index: Any, images: Any,
    block: Any, blocks: Any, bits: Any,
) -> Any:  # fmt: skip
    """Call an operation by its address."""
    arguments = (tag, *[types.int64] * 8)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(types.none, arguments)
        function = builder.inttoptr(values[0], ir.PointerType(kind))
        # What an operation could raise is checked before a tape is written.
        convention.call_function(builder, function, types.none, arguments, list(values[1:]))
        return context.get_dummy_value()

    return types.void(types.int64, *arguments), generate
