"""SLICED_CONV: a binary convolution whose counts are added bit by bit (`bnas.binops.sliced`).

An image at a time: its bits are gathered for every tap; then, a block of pixels after the other,
tables are made of them, and octets of output channels read these. Where bits are all that is
wanted, they are the top bits of the counters; otherwise the counters become numbers, and the
epilogues of `bnas.binops.tape.conv_kernel` run over them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bnas.binops.jit import kernel
from bnas.binops.sliced.counting import KEPT_OCTETS, MOST_OCTETS, MOST_TREES, PAIRS, PLANES
from bnas.binops.sliced.intrinsics import (
    count_octets,
    gather_bits,
    gather_bytes,
    make_tables,
    pick_bits,
    reduce_carries,
    shift_bits,
    start_counters,
)
from bnas.binops.sliced.logic import PIXELS, WORD_BYTES, WORDS
from bnas.binops.table.planes import GROUP
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.sliced_results_kernel import write_results
from bnas.binops.tape.views import bytes_at, longs_at


@kernel(inline=True)
def _part(tag: Any, record: Any, place: Any, block: Any, target: Any) -> None:
    """Part the bytes of one block of pixels."""
    if record.group == GROUP:
        gather_bits(tag, place, record.group_bytes, record.groups, target)
    else:
        pixels = record.in_pixels - block * PIXELS
        gather_bytes(tag, place, record.group_bytes, record.groups, pixels, target)


@kernel(inline=True)
def _gather_image(tag: Any, bases: Any, record: Any, source: Any) -> None:
    """Make the bits of every channel of one image, block by block, and deal them out to phases."""
    image = resolve(bases, record.image_at)
    blocks = record.image_blocks if record.phases else record.blocks
    for block in range(blocks):
        target = image + block * record.block_bytes
        _part(tag, record, source + block * PIXELS, block, target)
    words = resolve(bases, record.words_at)
    picked = resolve(bases, record.picked_at)
    picks = longs_at(resolve(bases, record.picks_at), 2 * record.phases * blocks)
    for phase in range(record.phases):
        for block in range(blocks):
            index = 2 * (phase * blocks + block)
            if picks[index] != 0:
                skip, first = divmod(picks[index + 1], PIXELS)
                pick_bits(
                    tag,
                    image + block * record.block_bytes,
                    picks[index],
                    record.channels,
                    words + skip * record.block_bytes,
                    record.block_bytes,
                    first,
                    picked,
                )


@kernel(inline=True)
def _gather_block(tag: Any, bases: Any, record: Any, source: Any, block: Any, inputs: Any) -> None:
    """Make the bits of every input of one block."""
    taps = longs_at(resolve(bases, record.taps_at), record.taps)
    words = resolve(bases, record.words_at)
    masks = resolve(bases, record.masks_at) + block * record.taps * WORD_BYTES
    step = record.channels * WORD_BYTES
    for tap in range(record.taps):
        target = inputs + tap * step
        if record.makes_taps:
            # Floor division: displacements have either sign.
            skip, first = divmod(taps[tap], PIXELS)
            place = words + (block + skip) * record.block_bytes
            mask = masks + tap * WORD_BYTES
            shift_bits(tag, place, record.block_bytes, first, mask, record.channels, target)
        else:
            place = source + taps[tap] + block * PIXELS
            _part(tag, record, place, block, target)
    used = record.taps * step
    bytes_at(inputs + used, 2 * PAIRS * record.trees * WORD_BYTES - used)[:] = np.uint8(0)


class _Places(NamedTuple):
    """Addresses that a record names, found once a run: LLVM would find them anew at every use."""

    inputs: int
    tables: int
    parity: int
    counters: int
    carries: int
    more: int
    patterns: int
    starts: int
    signs: int
    indices: int


@kernel(inline=True)
def _places(bases: Any, record: Any) -> Any:
    """Resolve the pointers of a record."""
    carries = resolve(bases, record.carries_at)
    return _Places(
        resolve(bases, record.inputs_at),
        resolve(bases, record.tables_at),
        resolve(bases, record.parity_at),
        resolve(bases, record.counters_at),
        carries,
        carries + record.more,
        resolve(bases, record.patterns_at),
        resolve(bases, record.starts_at),
        resolve(bases, record.signs_at),
        resolve(bases, record.indices_at),
    )


@kernel(inline=True)
def _count_together(tag: Any, count: Any, record: Any, at: Any, octet: Any, counters: Any) -> None:
    """Count some octets, whose number is a constant, from counters that have been started."""
    counter_bytes, carry_bytes = PLANES * PIXELS, record.carry_bytes
    indices = at.indices + octet * record.index_bytes
    left = 0
    tree = 0
    while tree < record.trees:
        trees = min(MOST_TREES, record.trees - tree)
        # The first carry is what the start of the counters left.
        first = 1 if tree == 0 else 0
        count_octets(
            tag,
            count,
            at.tables + tree * PAIRS * PIXELS,
            indices + tree * PAIRS // 2 * WORDS,
            record.index_bytes,
            trees,
            counters,
            counter_bytes,
            at.carries + first * PIXELS,
            carry_bytes,
        )
        place = counters + 4 * PIXELS
        here = trees + first
        out = at.more + left * PIXELS
        reduce_carries(tag, count, at.carries, carry_bytes, here, place, counter_bytes, out)
        left += (here + PAIRS - 1) // PAIRS
        tree += trees
    for plane in range(7, record.planes, 3):
        place = counters + plane * PIXELS
        reduce_carries(tag, count, at.more, carry_bytes, left, place, counter_bytes, at.more)
        left = (left + PAIRS - 1) // PAIRS


@kernel(inline=True)
def _count(
    tag: Any, record: Any, at: Any, octet: Any, count: Any, block: Any, counters: Any
) -> None:
    """Count up to `MOST_OCTETS` octets of one block."""
    pattern = longs_at(at.patterns, record.blocks)[block]
    starts = at.starts + pattern * record.start_bytes
    start_counters(
        tag,
        starts + octet * record.planes * PIXELS,
        record.planes,
        at.parity,
        at.signs + octet,
        count,
        counters,
        PLANES * PIXELS,
        at.carries,
        record.carry_bytes,
    )
    if count == 1:
        _count_together(tag, 1, record, at, octet, counters)
    elif count == 2:
        _count_together(tag, 2, record, at, octet, counters)
    elif count == 3:
        _count_together(tag, 3, record, at, octet, counters)
    else:
        _count_together(tag, 4, record, at, octet, counters)


@kernel()
def run_sliced_conv(
    tag: Any, bases: Any, record: Any, octets: Any, records: Any, images: Any, bits: Any
) -> None:
    """Convolve the planes of some images.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.SLICED_CONV`.
        octets: First octet of output channels, and the one after the last.
        records: All EPILOGUE records, all READER records, all PLANES records.
        images: Number of images.
        bits: uint8 scratch of at least a vector.
    """
    at = _places(bases, record)
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        if record.makes_taps:
            _gather_image(tag, bases, record, source)
        for block in range(record.blocks):
            _gather_block(tag, bases, record, source, block, at.inputs)
            make_tables(tag, at.inputs, PAIRS * record.trees, at.tables, at.parity)
            octet = octets[0]
            kept = 0
            while octet < octets[1]:
                # As even as can be: a pass over few octets costs more for each.
                passes = (octets[1] - octet + MOST_OCTETS - 1) // MOST_OCTETS
                count = (octets[1] - octet + passes - 1) // passes
                _count(tag, record, at, octet, count, block, at.counters + kept * PLANES * PIXELS)
                octet += count
                kept += count
                if octet == octets[1] or kept > KEPT_OCTETS - MOST_OCTETS:
                    here = (octet - kept, kept, image, block)
                    write_results(tag, bases, record, records, here, bits)
                    kept = 0
