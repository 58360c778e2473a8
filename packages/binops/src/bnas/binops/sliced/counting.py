"""The micro-kernel: mismatches of eight output channels at a time, counted bit by bit.

Inputs (a channel at a tap) come in pairs. Let x and y be the bits of a pair at one pixel, v and w
an output channel's weights, and p the parity of all mismatches of the pairs before. Adding the
three bits ``x ^ v``, ``y ^ w`` and p gives a parity for the next pair and a carry of weight 2. But
the parity is ``x ^ y ^ …`` of the pixels alone, up to a sign that the channel's weights decide, so
for all channels the carry is one of eight words of pixels: ``majority(±x, ±y, ±p)``. The *table*
of a pair holds these eight in the words of one vector, for a block of pixels; a permutation of
words looks up the carries of eight channels at once. Carries are summed by a tree of full adders.

A word's number says its signs: bit 0 that of x, bit 1 of y. The parity is carried on with the signs
of these, so its own is bit 2 for every even pair, and differs from it by bits 0 and 1 for odd ones.

So a pair costs a look-up, half a shift of the index, and 7/8 of a full adder, for two taps of eight
channels: with 512 bits, 1024 bit-operations in about 3.3 instructions.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from bnas.binops.sliced.logic import (
    PIXELS,
    WORD_BYTES,
    WORDS,
    add_three,
    kept_apart,
    load_block,
    load_vector,
    majority,
    patterns,
    pick_words,
    store_vector,
)
from bnas.binops.table.lanes import (
    I64,
    Lanes,
    Variable,
    address_at,
    loop,
    prefetch,
    store,
    zeros,
)

#: Pairs that one tree of adders takes; it leaves a carry of sixteen times the weight of an input.
PAIRS = 8
#: Channels that share look-up tables in one pass, in vectors: 32 registers hold three sums of each.
MOST_OCTETS = 4
#: Octets whose counters are kept, to write their results in one pass.
KEPT_OCTETS = 8
#: Trees of adders between reductions of their carries, so that these stay in the nearest cache.
MOST_TREES = 32
#: Vectors of a counter: bits of a number of mismatches.
PLANES = 16


def emit_tables(builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit the tables of one block of pixels.

    Args:
        builder: Where.
        arguments: int64 each: address of the inputs, a word each; number of pairs, a multiple of
            `PAIRS`; address of the tables, a vector a pair; address of the result: the parity of
            all inputs, one word.
    """
    inputs, pairs, tables, parity = arguments
    first, second = patterns(builder, 0), patterns(builder, 1)
    so_far = Variable(builder, I64, WORDS)
    so_far.set(patterns(builder, 2))
    with loop(builder, I64(0), builder.udiv(pairs, I64(PAIRS))) as part:
        pair = builder.mul(part, I64(PAIRS))
        place = address_at(builder, inputs, pair, 2 * WORD_BYTES)
        target = address_at(builder, tables, pair, PIXELS)
        before = so_far.get()
        for k in range(0, PAIRS, 2):
            words = address_at(builder, place, 2 * k, WORD_BYTES)
            # One instruction each: a word that is repeated has no other use.
            x, y, z, w = (
                load_block(builder, address_at(builder, words, j, WORD_BYTES)) ^ sign
                for j, sign in enumerate((first, second, first, second))
            )
            between = before ^ x ^ y
            for j, carry in enumerate((majority(x, y, before), majority(z, w, between))):
                store_vector(builder, carry, address_at(builder, target, k + j, PIXELS))
            # From two pairs to the next two the chain is one operation long.
            before = before ^ kept_apart(x ^ y ^ z) ^ w
        so_far.set(before)
    # The pattern of word 0 changes no sign.
    store(builder, builder.extract_element(so_far.get().value, I64(0)), parity, WORD_BYTES)


class CountEmitter:
    """Emits the counting of some octets of output channels.

    Args:
        octets: Vectors of output channels, 1 to `MOST_OCTETS`.
    """

    def __init__(self, octets: int) -> None:
        self.octets = octets

    def emit(self, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
        """Emit the kernel.

        Args:
            builder: Where.
            arguments: int64 each: address of the tables; of the first octet's indices; bytes
                between octets of these; number of trees, of `PAIRS` pairs each; address of the
                first octet's counter, whose planes 1 to 3 (weights 2, 4, 8) are added to; bytes
                between counters; address of the first octet's carries (weight 16), a vector a
                tree; bytes between octets of these.
        """
        tables, indices, index_step, trees, counters, counter_step, carries, carry_step = arguments
        # Plane 0 is the parity's.
        first = builder.add(counters, I64(PIXELS))
        planes = [builder.add(first, builder.mul(counter_step, I64(o))) for o in self]
        index_of = [builder.add(indices, builder.mul(index_step, I64(o))) for o in self]
        carry_of = [builder.add(carries, builder.mul(carry_step, I64(o))) for o in self]
        sums = _read_sums(builder, planes)
        with loop(builder, I64(0), trees) as tree:
            here = address_at(builder, tables, tree, PAIRS * PIXELS)
            offset = self._index_offset(builder, tree)
            places = [builder.add(index, offset) for index in index_of]
            self._fetch_ahead(builder, builder.add(indices, offset), index_step, tree)
            for octet, out in enumerate(self._tree(builder, sums, here, places)):
                target = address_at(builder, carry_of[octet], tree, PIXELS)
                store_vector(builder, out, target)
        _write_sums(builder, sums, planes)

    def __iter__(self) -> Any:
        """The numbers of the octets."""
        return iter(range(self.octets))

    def _fetch_ahead(self, builder: ir.IRBuilder, indices: Any, step: Any, tree: Any) -> None:
        """Ask for the indices of the next octets: those of small images are read once an image.

        Two trees share a cache line, so each asks for half of them.
        """
        part = -(-self.octets // 2)
        first = builder.add(I64(self.octets), builder.mul(builder.and_(tree, I64(1)), I64(part)))
        for k in range(part):
            place = builder.mul(step, builder.add(first, I64(k)))
            prefetch(builder, builder.add(indices, place))

    def _index_offset(self, builder: ir.IRBuilder, tree: Any) -> ir.Value:
        """Bytes to a tree's indices: half a byte a pair, in words that fill one after the other."""
        half, is_odd = builder.lshr(tree, I64(1)), builder.and_(tree, I64(1))
        return builder.add(builder.mul(half, I64(PIXELS)), builder.mul(is_odd, I64(PAIRS // 2)))

    def _tree(self, builder: ir.IRBuilder, sums: Any, tables: Any, indices: Any) -> list[Lanes]:
        """Add the carries of eight pairs to the sums and return what leaves these."""
        waiting: list[list[Lanes]] = [[] for _ in self]
        for pair in range(0, PAIRS, 2):
            first, second = (
                load_vector(builder, builder.add(tables, I64((pair + k) * PIXELS)))
                for k in range(2)
            )
            for octet in self:
                # Only the lowest bits of a word count: a byte is reached by its address.
                place = builder.add(indices[octet], I64(pair // 2))
                index = load_vector(builder, place, align=1)
                found = [
                    pick_words(first, index),
                    pick_words(second, index >> 4),
                ]
                waiting[octet].append(_add_to(sums[octet], found, waiting[octet], pair // 2 + 1))
        return [rest[-1] for rest in waiting]


def _read_sums(builder: ir.IRBuilder, planes: list[ir.Value]) -> list[list[Variable]]:
    """Load three planes from each of some addresses."""
    sums = [[Variable(builder, I64, WORDS) for _ in range(3)] for _ in planes]
    for three, start in zip(sums, planes, strict=True):
        for plane, total in enumerate(three):
            total.set(load_vector(builder, builder.add(start, I64(plane * PIXELS))))
    return sums


def _write_sums(builder: ir.IRBuilder, sums: list[list[Variable]], planes: list[ir.Value]) -> None:
    """Store planes where `_read_sums` took them from."""
    for three, start in zip(sums, planes, strict=True):
        for plane, total in enumerate(three):
            store_vector(builder, total.get(), builder.add(start, I64(plane * PIXELS)))


def _add_to(sums: list[Variable], pair: list[Lanes], waiting: list[Lanes], number: int) -> Lanes:
    """Add two bits of weight 2, and on every second and fourth time their carries.

    Args:
        sums: Of weights 2, 4, 8.
        pair: The bits.
        waiting: Carries that wait for a second one of their weight; those that are used go.
        number: Of the pair of bits, from 1.

    Returns:
        The carry that is left.
    """
    for level, total in enumerate(sums):
        sum_, carry = add_three(total.get(), pair[0], pair[1])
        total.set(sum_)
        if number % 2 ** (level + 1):
            return carry
        if level == len(sums) - 1:
            break
        pair = [waiting.pop(), carry]
    return carry


class ReduceEmitter:
    """Emits the sum of carries of one weight: three bits of counters, and carries of the next.

    Args:
        octets: Vectors of output channels, 1 to `MOST_OCTETS`.
    """

    def __init__(self, octets: int) -> None:
        self.octets = octets

    def emit(self, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
        """Emit the kernel.

        Args:
            builder: Where.
            arguments: int64 each: address of the first octet's carries, with room up to a multiple
                of eight; bytes between octets of these; their number; address of the plane of
                their weight of the first octet's counter, to which, with the next two, they are
                added; bytes between counters; address of what leaves these for the first octet, an
                eighth as many of eight times the weight.
        """
        carries, carry_step, count, counters, counter_step, out = arguments
        octets = range(self.octets)
        trees = builder.udiv(builder.add(count, I64(PAIRS - 1)), I64(PAIRS))
        carry_of = [builder.add(carries, builder.mul(carry_step, I64(o))) for o in octets]
        planes = [builder.add(counters, builder.mul(counter_step, I64(o))) for o in octets]
        with loop(builder, count, builder.mul(trees, I64(PAIRS))) as spare:
            for start in carry_of:
                place = address_at(builder, start, spare, PIXELS)
                store_vector(builder, zeros(builder, I64, WORDS), place)
        sums = _read_sums(builder, planes)
        with loop(builder, I64(0), trees) as tree:
            for octet, start in enumerate(carry_of):
                here = address_at(builder, start, tree, PAIRS * PIXELS)
                rest = self._tree(builder, sums[octet], here)
                place = builder.add(out, builder.mul(carry_step, I64(octet)))
                store_vector(builder, rest, address_at(builder, place, tree, PIXELS))
        _write_sums(builder, sums, planes)

    def _tree(self, builder: ir.IRBuilder, sums: list[Variable], carries: ir.Value) -> Lanes:
        """Add eight carries to the sums and return what leaves these."""
        waiting: list[Lanes] = []
        for pair in range(0, PAIRS, 2):
            places = [builder.add(carries, I64((pair + k) * PIXELS)) for k in range(2)]
            bits = [load_vector(builder, place) for place in places]
            waiting.append(_add_to(sums, bits, waiting, pair // 2 + 1))
        return waiting[-1]
