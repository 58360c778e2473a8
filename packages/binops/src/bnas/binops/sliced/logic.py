"""The operations that bit-sliced counting is made of, on vectors of one bit a pixel.

A vector has eight lanes of as many bits as it has bytes: eight patterns, or eight output channels,
of a *block* of pixels. One instruction of a CPU with three-operand logic is a full adder's sum or
its carry.
"""

from __future__ import annotations

from llvmlite import ir

from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import I8, Lanes, broadcast, call, load, load_lanes, store

#: Lanes of a vector.
LANES = 8


def lane_type(isa: Isa) -> ir.IntType:
    """The integer that holds one block of pixels."""
    return ir.IntType(isa.lanes)


def lane_bytes(isa: Isa) -> int:
    """Bytes of a lane."""
    return isa.lanes // 8


def load_vector(builder: ir.IRBuilder, isa: Isa, address: ir.Value, align: int = 1) -> Lanes:
    """The vector at an address."""
    return load_lanes(builder, address, lane_type(isa), LANES, align)


def load_block(builder: ir.IRBuilder, isa: Isa, address: ir.Value) -> Lanes:
    """The block of pixels at an address, in every lane."""
    return broadcast(builder, load(builder, address, lane_type(isa), lane_bytes(isa)), LANES)


def lanes_where(builder: ir.IRBuilder, isa: Isa, address: ir.Value) -> Lanes:
    """Vector of bool: the bits of the byte at an address."""
    flags = builder.bitcast(load(builder, address, I8), ir.VectorType(ir.IntType(1), LANES))
    return Lanes(builder, flags)


def store_vector(builder: ir.IRBuilder, isa: Isa, lanes: Lanes, address: ir.Value) -> None:
    """Write a vector to an address that is a multiple of its size."""
    store(builder, lanes, address, isa.lanes)


def patterns(builder: ir.IRBuilder, isa: Isa, bit: int) -> Lanes:
    """All ones in the lanes whose number has a bit."""
    ones = (1 << isa.lanes) - 1
    kind = ir.VectorType(lane_type(isa), LANES)
    return Lanes(
        builder, ir.Constant(kind, [ones if lane >> bit & 1 else 0 for lane in range(LANES)])
    )


def pick_lanes(isa: Isa, lanes: Lanes, index: Lanes) -> Lanes:
    """For each lane, the lane of `lanes` that the lowest three bits of `index` name."""
    kind = ir.VectorType(lane_type(isa), LANES)
    if isa.lanes == 64:
        return call(lanes.builder, "llvm.x86.avx512.permvar.di.512", kind, lanes, index)
    return call(lanes.builder, "llvm.x86.avx2.permd", kind, lanes, index)


def majority(isa: Isa, a: Lanes, b: Lanes, c: Lanes) -> Lanes:
    """The bits that at least two of three have: the carry of their sum."""
    if isa.lanes != 64:
        return (a & b) | (c & (a | b))
    # LLVM does not see that this is one instruction. Its table: 1 where two or more bits are.
    kind = ir.VectorType(lane_type(isa), LANES)
    table = Lanes(a.builder, ir.Constant(ir.IntType(32), 0b11101000))
    return call(a.builder, "llvm.x86.avx512.pternlog.q.512", kind, a, b, c, table)


def add_three(isa: Isa, a: Lanes, b: Lanes, c: Lanes) -> tuple[Lanes, Lanes]:
    """Add three bits of every pixel: the sum, and the carry of twice its weight."""
    return a ^ b ^ c, majority(isa, a, b, c)
