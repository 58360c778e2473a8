"""Matrices of bits turned by one instruction, on CPUs that multiply these (GFNI)."""

from __future__ import annotations

from collections.abc import Collection

from llvmlite import ir

from bnas.binops.sliced.logic import WORD_BYTES, WORDS
from bnas.binops.table.lanes import I8, Lanes, call

#: LLVM's names of what is needed besides AVX-512BW; the second permutes bytes.
TURNING = ("gfni", "avx512vbmi")


def turns(features: Collection[str]) -> bool:
    """Whether a CPU with these features, in LLVM's names, has the instruction."""
    return set(TURNING) <= set(features)


def turn(rows: Lanes) -> Lanes:
    """Turn each word, regarded as an 8x8 matrix of bits.

    Args:
        rows: uint8 (64,), eight bytes a matrix: its *last* row first.

    Returns:
        The columns, the first one first: bit i of byte k is bit k of byte 7 - i.
    """
    kind = rows.value.type
    columns = ir.Constant(kind, [1 << place for place in range(WORD_BYTES)] * WORDS)
    nothing = Lanes(rows.builder, I8(0))
    name = "llvm.x86.vgf2p8affineqb.512"
    return call(rows.builder, name, kind, Lanes(rows.builder, columns), rows, nothing)
