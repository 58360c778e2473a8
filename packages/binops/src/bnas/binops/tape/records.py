"""The records of a tape, one type for every kind of operation. All fields are int64.

Fields named `…_at` are encoded pointers (`bnas.binops.tape.pointers`), `…_step` the bytes between
images of what they point to. `first_…` and `…s` name a range of records of another type.
"""

from __future__ import annotations

import enum

import numpy as np


def _record(*names: str) -> np.dtype:
    return np.dtype([(name, np.int64) for name in names])


class Kind(enum.IntEnum):
    """What an operation does: the number of its kernel."""

    STAGE = 0
    CONV = 1
    PACK = 2
    POOL_BITS = 3
    RESTAGE = 4
    UNPACK = 5
    REAL_CONV = 6
    FLOAT = 7
    POOL = 8
    LINEAR = 9
    SLICED_CONV = 10


class Sink(enum.IntEnum):
    """What an epilogue makes of counts."""

    PLANES = 0
    BYTES = 1
    COUNTS = 2
    FLOATS = 3
    STREAM = 4


class Reading(enum.IntEnum):
    """What the counters of a bit-sliced convolution end with."""

    NUMBERS = 0
    """Mismatches."""
    SIGNS = 1
    """Mismatches less those that are allowed and one: negative where a bit is 1."""
    SUMS = 2
    """Half of what the dot product is less than the number of inputs."""


#: An operation: its kind, and the index of its record.
OP = _record("kind", "index")

#: The planes of one value that bits are written to; see `emit_spread`. `at` is pixel 0 of the first
#: column of the first group.
PLANES = _record(
    "at", "step", "group_bytes", "plane_bytes", "columns_at", "columns", "masks_at", "mask_bytes"
)

#: uint8 bytes of eight channels -> planes.
STAGE = _record(
    "source_at",
    "source_step",
    "target_at",
    "target_step",
    "image_bytes",
    "bytes_a_group",
    "parts",
    "channel_groups",
    "groups",
    "height",
    "in_width",
    "width",
    "stride_height",
    "stride_width",
    "start",
    "plane_bytes",
    "columns_at",
    "columns",
    "masks_at",
    "mask_bytes",
)

#: Planes -> counts -> epilogues.
CONV = _record(
    "source_at",
    "source_step",
    "tables_at",
    "taps_at",
    "quad_taps_at",
    "quads",
    "out_channels",
    "depth",
    "pixels",
    "vectors",
    "valid_at",
    "scratch_at",
    "first_epilogue",
    "epilogues",
)

#: Planes, or bytes of eight channels (group), -> bit-sliced counts -> epilogues. image:
#: the bits of every channel, block by block; words: those of the phases that the image is dealt out
#: to, if there are any, or else the image's; picks, taps, masks:
#: `bnas.binops.tape.tap_words.TapWords`, or else taps: bytes from the source; picked: a word a
#: channel; inputs, tables, parity: those of one block;
#: starts: what counters start with, for every pattern of pixels; patterns: int64 (blocks,);
#: counters and carries of a few octets, the carries first of weight 16, then, from `more` bytes on,
#: of 128.
SLICED_CONV = _record(
    "source_at",
    "source_step",
    "group",
    "group_bytes",
    "groups",
    "in_pixels",
    "channels",
    "makes_taps",
    "image_at",
    "image_blocks",
    "picks_at",
    "picked_at",
    "phases",
    "words_at",
    "block_bytes",
    "taps_at",
    "taps",
    "masks_at",
    "inputs_at",
    "trees",
    "blocks",
    "tables_at",
    "parity_at",
    "indices_at",
    "index_bytes",
    "signs_at",
    "starts_at",
    "start_bytes",
    "patterns_at",
    "planes",
    "counters_at",
    "carries_at",
    "carry_bytes",
    "more",
    "reading",
    "length",
    "quads",
    "out_channels",
    "pixels",
    "valid_at",
    "scratch_at",
    "first_epilogue",
    "epilogues",
)

#: What becomes of the counts. limits: int16 (Q, 4) and flips: uint8 (Q,) for bits; scale: float32
#: (Q, 4) for floats; parameters of the activation: float32 (parameters, Q, 4), or 0; row: bytes
#: between rows of numbers, or between planes of bytes.
EPILOGUE = _record(
    "sink",
    "target_at",
    "target_step",
    "row",
    "planes",
    "limits_at",
    "flips_at",
    "scale_at",
    "relu",
    "parameters_at",
    "accumulate",
    "first_reader",
    "readers",
)

#: Bits made of floats: thresholds float32 (Q, 4), flips uint8 (Q,), for the planes `planes`.
READER = _record("thresholds_at", "flips_at", "planes")

#: Floats -> bits for every reader.
PACK = _record(
    "source_at",
    "source_step",
    "source_row",
    "channels",
    "quads",
    "vectors",
    "first_reader",
    "readers",
)

#: Planes of one layout -> planes of another, by rows: strides and widths that are not the image's.
RESTAGE = _record(
    "source_at",
    "source_step",
    "source_group_bytes",
    "target_at",
    "target_step",
    "groups",
    "height",
    "in_width",
    "width",
    "stride_height",
    "stride_width",
    "start",
    "plane_bytes",
    "columns_at",
    "columns",
    "halves_at",
)

#: Max pooling of bits, by OR of ``bit ^ invert``; inverts: uint8 (groups,).
POOL_BITS = _record(
    "source_at",
    "source_step",
    "source_group_bytes",
    "inverts_at",
    "groups",
    "height",
    "width",
    "out_height",
    "out_width",
    "kernel",
    "stride",
    "padding",
    "dilation",
    "vectors",
    "scratch_at",
    "planes",
)

#: Bits -> rows of ±1.
UNPACK = _record(
    "source_at",
    "source_step",
    "group_bytes",
    "target_at",
    "target_step",
    "row",
    "channels",
    "pixels",
)

#: A convolution with real weights, float32 (groups, blocks * depth * rows of a block), as a product
#: with rows of pixels, one a tap; int64 offsets (depth,). Planes hold what the taps see of
#: `rows_together` rows of outputs, in `parts`; without parts, taps see the channels themselves.
#: int64 parts (parts, 3), inside (kernel, 2): `bnas.binops.tape.real_convolution.TapPlanes`.
REAL_CONV = _record(
    "source_at",
    "source_step",
    "source_row",
    "target_at",
    "target_step",
    "target_row",
    "weights_at",
    "bias_at",
    "floor_at",
    "unbounded_at",
    "groups",
    "in_channels",
    "out_channels",
    "depth",
    "height",
    "width",
    "out_height",
    "out_width",
    "kernel",
    "stride",
    "padding",
    "dilation",
    "block_rows",
    "block_vectors",
    "block_depth",
    "tail_vectors",
    "tile_at",
    "offsets_at",
    "rows_together",
    "planes_at",
    "plane_bytes",
    "parts_at",
    "parts",
    "inside_at",
)

#: One float32 operation on every value: see `Float`. parameters: float32 (C,) each, or 0.
FLOAT = _record(
    "operation",
    "source_at",
    "source_step",
    "source_row",
    "target_at",
    "target_step",
    "target_row",
    "channels",
    "length",
    "first_at",
    "second_at",
    "third_at",
)

#: Pooling of floats over the taps inside the image.
POOL = _record(
    "is_max",
    "source_at",
    "source_step",
    "source_row",
    "target_at",
    "target_step",
    "target_row",
    "channels",
    "height",
    "width",
    "out_height",
    "out_width",
    "kernel",
    "stride",
    "padding",
    "dilation",
    "line_at",
)

#: weights: float32 (O, quads * 4 vectors), bias: float32 (O,); rows of one value.
LINEAR = _record(
    "source_at",
    "source_step",
    "source_row",
    "target_at",
    "target_step",
    "target_row",
    "weights_at",
    "bias_at",
    "inputs",
    "outputs",
    "quads",
    "features_at",
)


class Float(enum.IntEnum):
    """Operations of a FLOAT record on rows of values."""

    FILL = 0
    COPY = 1
    ADD = 2
    AFFINE = 3
    RELU = 4
    RPRELU = 5
    MEAN = 6


#: The record type of every kind, in the order of `Kind`, then what these refer to.
TABLES = {
    "ops": OP,
    "stages": STAGE,
    "convs": CONV,
    "packs": PACK,
    "pool_bits": POOL_BITS,
    "restages": RESTAGE,
    "unpacks": UNPACK,
    "real_convs": REAL_CONV,
    "floats": FLOAT,
    "pools": POOL,
    "linears": LINEAR,
    "sliced_convs": SLICED_CONV,
    "epilogues": EPILOGUE,
    "readers": READER,
    "planes": PLANES,
}
