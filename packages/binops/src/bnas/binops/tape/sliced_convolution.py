"""Write a binary convolution whose counts are added bit by bit."""

from __future__ import annotations

import math

import attrs
import numpy as np

from bnas.binops.geometry import ConvGeometry
from bnas.binops.sliced.counting import KEPT_OCTETS, MOST_OCTETS, MOST_TREES, PAIRS, PLANES
from bnas.binops.sliced.logic import PIXELS, WORD_BYTES, WORDS
from bnas.binops.sliced.results import LOW_PLANES
from bnas.binops.sliced.weights import (
    Kinds,
    SlicedWeights,
    mismatches_on_padding,
    pixel_kinds,
    sliced_weights,
    start_planes,
    weight_bits,
)
from bnas.binops.table.isa import Isa
from bnas.binops.table.planes import GROUP, PlaneLayout, layout_for, tap_positions
from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.plane_set import PlaneSet
from bnas.binops.tape.pointers import NOWHERE, Pointer
from bnas.binops.tape.records import Reading, Sink
from bnas.binops.tape.tap_words import TapWords, reads_image


def is_sliced(isa: Isa, geometry: ConvGeometry) -> bool:
    """Whether a convolution is counted bit by bit: one group, on registers of 64 bytes."""
    return isa.lanes == PIXELS and geometry.groups == 1


def reads_packed(isa: Isa, geometry: ConvGeometry) -> bool:
    """Whether a convolution can read packed bits as they are handed over."""
    return is_sliced(isa, geometry) and reads_image(geometry)


def planes_read(isa: Isa, geometry: ConvGeometry) -> PlaneLayout:
    """The planes that a convolution reads: of the image alone, where the kernel makes the taps."""
    if not reads_packed(isa, geometry):
        return layout_for(geometry)
    groups = -(-geometry.in_channels // GROUP)
    return PlaneLayout(geometry.in_size, geometry.in_size[1], (1, 1), (0,), 0, 0, groups)


@attrs.frozen
class PackedBits:
    """Bits that are read as they are handed over.

    Args:
        at: uint8 (N, ceil(C / 8), H, W), eight channels a byte.
    """

    at: Pointer


def sliced_fields(
    builder: TapeBuilder,
    geometry: ConvGeometry,
    weights: np.ndarray,
    source: PlaneSet | PackedBits,
    reading: Reading,
    limits: np.ndarray | None,
) -> dict[str, object]:
    """Make what a SLICED_CONV record says of the convolution itself.

    Args:
        builder: The tape.
        geometry: The convolution.
        weights: uint8 (O, channel bytes, KH, KW), packed along the input channels.
        source: What it reads; packed bits only if `reads_image`.
        reading: What the counters are to end with.
        limits: int64 (O,), least count of a bit that is 1, for signs.

    Returns:
        Field -> value.
    """
    chosen = sliced_weights(geometry, weights)
    words = _tap_words(geometry, source)
    return {
        **_source(geometry, source, words),
        **_taps(builder, geometry, source, words),
        **_numbers(builder, geometry, weights, (reading, limits)),
        **_memory(builder, geometry, chosen, words),
        "channels": geometry.in_channels,
        "blocks": math.ceil(math.prod(geometry.out_size) / PIXELS),
        "trees": chosen.trees,
        "indices_at": builder.constant(chosen.indices),
        "index_bytes": (chosen.indices.size - PIXELS) // len(chosen.signs),
        "signs_at": builder.constant(chosen.signs),
        "reading": reading,
        "length": geometry.dot_length,
    }


def _tap_words(geometry: ConvGeometry, source: PlaneSet | PackedBits) -> TapWords | None:
    """How the kernel makes the taps itself; None where it reads them from planes."""
    if not reads_image(geometry):
        return None
    if isinstance(source, PlaneSet) and not source.layout.shows_image:
        return None
    # A single tap at its own place needs no displacement.
    is_image = geometry.stride == geometry.kernel == (1, 1)
    return None if is_image else TapWords(geometry)


def _source(
    geometry: ConvGeometry, source: PlaneSet | PackedBits, words: TapWords | None
) -> dict[str, object]:
    """Where the bits of every group of channels are read."""
    pixels = math.prod(geometry.in_size)
    if isinstance(source, PackedBits):
        at, group, group_bytes = source.at, 8, pixels
    else:
        at, group, group_bytes = source.at, GROUP, source.group_bytes
        if words:
            at = source.pixels()
    return {
        "source_at": at,
        "source_step": at.step,
        "group": group,
        "group_bytes": group_bytes,
        "groups": -(-geometry.in_channels // group),
        "in_pixels": pixels,
    }


def _taps(
    builder: TapeBuilder,
    geometry: ConvGeometry,
    source: PlaneSet | PackedBits,
    words: TapWords | None,
) -> dict[str, object]:
    """Where every tap is: in words of bits that the kernel displaces, or else in the source."""
    masks = np.zeros(0, np.uint8)
    picks = np.zeros((0, 0, 2), np.int64)
    taps = np.zeros(1, np.int64)
    if words:
        taps, masks = words.taps(), words.masks()
        picks = words.picks() if words.image_blocks else picks
    elif isinstance(source, PlaneSet):
        rows, columns = (tap_positions(geometry, axis) for axis in (0, 1))
        places = [source.layout.place(0, row, column) for row in rows for column in columns]
        taps = np.array(places, np.int64)
    return {
        "makes_taps": words is not None,
        "taps_at": builder.constant(taps),
        "taps": len(taps),
        "masks_at": builder.constant(masks),
        "picks_at": builder.constant(picks),
        "phases": len(picks),
        "image_blocks": picks.shape[1],
    }


def _numbers(
    builder: TapeBuilder,
    geometry: ConvGeometry,
    weights: np.ndarray,
    wanted: tuple[Reading, np.ndarray | None],
) -> dict[str, object]:
    """What counters start with, and how many bits they have."""
    kinds = pixel_kinds(geometry)
    length = geometry.dot_length
    reading, limits = wanted
    planes = length.bit_length()
    bias = np.zeros((len(kinds.valid), geometry.out_channels), np.int64)
    if limits is not None:
        bias = -1 - _allowed(kinds, geometry, limits)
        planes = (length + 1).bit_length() + 1
    elif reading == Reading.SUMS:
        missing = (~kinds.valid).sum(axis=1) * geometry.in_channels
        bias += missing[:, None] // 2
    assert planes <= PLANES, planes
    planes = max(planes, LOW_PLANES)
    numbers = bias - mismatches_on_padding(weight_bits(geometry, weights), kinds)
    starts = start_planes(numbers, kinds, planes)
    return {
        "starts_at": builder.constant(starts.planes, align=PIXELS),
        "start_bytes": starts.planes[0].nbytes,
        "patterns_at": builder.constant(starts.of_block),
        "planes": planes,
    }


def _allowed(kinds: Kinds, geometry: ConvGeometry, limits: np.ndarray) -> np.ndarray:
    """Most mismatches with which a count is at least its limit: int64 (kinds, O), from -1 on."""
    valid = kinds.valid.sum(axis=1)[:, None] * geometry.in_channels
    allowed: np.ndarray = np.clip((valid - limits) // 2, -1, geometry.dot_length)
    return allowed


def _memory(
    builder: TapeBuilder, geometry: ConvGeometry, weights: SlicedWeights, words: TapWords | None
) -> dict[str, object]:
    """Scratch memory."""
    block_bytes = -(-geometry.in_channels // WORDS) * WORDS * WORD_BYTES
    segments = math.ceil(weights.trees / MOST_TREES)
    # A carry that counters start with, and room up to whole trees.
    more = PIXELS * (min(weights.trees, MOST_TREES) // PAIRS + 1) * PAIRS
    carry_bytes = more + PIXELS * math.ceil(segments * (more // PIXELS // PAIRS) / PAIRS) * PAIRS
    words_at = image_at = picked_at = NOWHERE
    if words:
        blocks = len(words.phases) * words.phase_blocks
        words_at = builder.scratch(blocks * block_bytes).plus(words.margin * block_bytes)
        image_at = builder.scratch(words.image_blocks * block_bytes)
        picked_at = builder.scratch(block_bytes if words.image_blocks else 0)
    return {
        "words_at": words_at,
        "image_at": image_at if words and words.image_blocks else words_at,
        "picked_at": picked_at,
        "block_bytes": block_bytes,
        # What is written for spare channels hangs over.
        "inputs_at": builder.scratch((weights.inputs + WORDS) * WORD_BYTES),
        "tables_at": builder.scratch(weights.inputs // 2 * PIXELS),
        "parity_at": builder.scratch(WORD_BYTES),
        "counters_at": builder.scratch(KEPT_OCTETS * PLANES * PIXELS),
        "carries_at": builder.scratch(MOST_OCTETS * carry_bytes),
        "carry_bytes": carry_bytes,
        "more": more,
        "scratch_at": builder.scratch(2 * KEPT_OCTETS * WORDS * PIXELS),
    }


def reading_for(geometry: ConvGeometry, sinks: list[Sink]) -> Reading:
    """What counters should end with for some epilogues."""
    if len(sinks) == 1 and sinks[0] in (Sink.PLANES, Sink.BYTES):
        return Reading.SIGNS
    # Half of the inputs on padding must be a whole number.
    if set(sinks) == {Sink.STREAM} and geometry.in_channels % 2 == 0:
        return Reading.SUMS
    return Reading.NUMBERS
