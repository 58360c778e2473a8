"""The operations that bit-sliced counting is made of, on vectors of one bit a pixel.

A vector of 512 bits has eight words of 64: eight patterns, or eight output channels, of a *block*
of 64 pixels. With three-operand logic a full adder's sum is one instruction, and its carry another.
"""

from __future__ import annotations

from llvmlite import ir

from bnas.binops.table.lanes import (
    I1,
    I8,
    I32,
    I64,
    Lanes,
    address_at,
    broadcast,
    call,
    load,
    load_lanes,
    store,
)

#: Words of a vector.
WORDS = 8
#: Pixels of a block: bits of a word, and bytes of a vector.
PIXELS = 64
#: Bytes of a word.
WORD_BYTES = 8
_VECTOR = ir.VectorType(I64, WORDS)


def load_vector(builder: ir.IRBuilder, address: ir.Value, align: int = PIXELS) -> Lanes:
    """The vector at an address."""
    return load_lanes(builder, address, I64, WORDS, align)


def load_block(builder: ir.IRBuilder, address: ir.Value) -> Lanes:
    """The block of pixels at an address, in every word."""
    return broadcast(builder, load(builder, address, I64, WORD_BYTES), WORDS)


def words_where(builder: ir.IRBuilder, address: ir.Value) -> Lanes:
    """Vector of bool: the bits of the byte at an address."""
    flags = builder.bitcast(load(builder, address, I8), ir.VectorType(I1, WORDS))
    return Lanes(builder, flags)


def load_flags(builder: ir.IRBuilder, address: ir.Value, words: int) -> list[Lanes]:
    """Vectors of bool: the bits of some words, one for each pixel."""
    flags = ir.VectorType(I1, PIXELS)
    places = (address_at(builder, address, word, WORD_BYTES) for word in range(words))
    return [Lanes(builder, builder.bitcast(load(builder, at, I64), flags)) for at in places]


def store_vector(builder: ir.IRBuilder, lanes: Lanes, address: ir.Value) -> None:
    """Write a vector to an address that is a multiple of its size."""
    store(builder, lanes, address, PIXELS)


def patterns(builder: ir.IRBuilder, bit: int) -> Lanes:
    """All ones in the words whose number has a bit."""
    ones = [-1 if word >> bit & 1 else 0 for word in range(WORDS)]
    return Lanes(builder, ir.Constant(_VECTOR, ones))


def pick_words(words: Lanes, index: Lanes) -> Lanes:
    """For each word of `index` the word of `words` that its lowest three bits name."""
    return call(words.builder, "llvm.x86.avx512.permvar.di.512", _VECTOR, words, index)


def majority(a: Lanes, b: Lanes, c: Lanes) -> Lanes:
    """The bits that at least two of three have: the carry of their sum."""
    # LLVM does not see that this is one instruction. Its table: 1 where two or more bits are.
    table = Lanes(a.builder, ir.Constant(I32, 0b11101000))
    return call(a.builder, "llvm.x86.avx512.pternlog.q.512", _VECTOR, a, b, c, table)


def add_three(a: Lanes, b: Lanes, c: Lanes) -> tuple[Lanes, Lanes]:
    """Add three bits of every pixel: the sum, and the carry of twice its weight."""
    return a ^ b ^ c, majority(a, b, c)


def kept_apart(lanes: Lanes) -> Lanes:
    """The same, of which LLVM does not know what it is: what it enters is not rearranged."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR])
    value = lanes.builder.asm(kind, "", "=v,0", [lanes.value], side_effect=False)
    return Lanes(lanes.builder, value)
