"""Write everything but binary convolutions to a tape."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from bnas.binops.table.planes import GROUP, PlaneLayout
from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.convolution import by_quads, quad_bits
from bnas.binops.tape.plane_set import PlaneSet, add_planes, add_planes_record
from bnas.binops.tape.pointers import NOWHERE, Pointer
from bnas.binops.tape.records import Float, Kind
from bnas.binops.tape.window import Window


@attrs.frozen
class Rows:
    """Channels of float32, a row each.

    Args:
        at: The first value.
        row: Bytes from channel to channel.
        channels: Number of rows.
        length: Values of a row.
    """

    at: Pointer
    row: int
    channels: int
    length: int

    def fields(self, name: str) -> dict[str, object]:
        """The fields of a record that say where they lie."""
        return {f"{name}_at": self.at, f"{name}_step": self.at.step, f"{name}_row": self.row}


def add_reader(
    builder: TapeBuilder,
    threshold: np.ndarray,
    flip: np.ndarray,
    planes: PlaneSet,
    first: int = 0,
) -> int:
    """Write what an operation compares its floats with, ``(value >= threshold) ^ flip``.

    Args:
        builder: The tape.
        threshold: float32 (C,).
        flip: bool (C,).
        planes: Where the bits go.
        first: The channel of the planes that the first one is; a multiple of four.

    Returns:
        The index of its record.
    """
    # No value is >= NaN: spare channels have no bits, whatever lies there.
    limits = by_quads(threshold.astype(np.float32), np.nan)
    return builder.record(
        "readers",
        thresholds_at=builder.constant(limits),
        flips_at=builder.constant(quad_bits(by_quads(flip, False))),
        planes=add_planes_record(builder, planes, first // GROUP) if first else planes.record,
    )


def add_pack(builder: TapeBuilder, source: Rows, readers: Sequence[int]) -> None:
    """Write the packing of floats for some readers, whose indices are consecutive."""
    builder.op(
        Kind.PACK,
        "packs",
        **source.fields("source"),
        channels=source.channels,
        quads=-(-source.channels // GROUP),
        vectors=-(-source.length // builder.isa.lanes),
        first_reader=readers[0],
        readers=len(readers),
    )


def add_pool_bits(
    builder: TapeBuilder,
    source: PlaneSet,
    target: PlaneSet,
    invert: np.ndarray,
    window: Window,
) -> None:
    """Write max pooling of bits.

    Args:
        builder: The tape.
        source: Planes with column 0.
        target: Plain planes.
        invert: bool (C,), channels whose minimum is taken.
        window: How taps lie; padding does not count.
    """
    lanes = builder.isa.lanes
    height, width = target.layout.in_size
    vectors = -(-height * width // lanes)
    builder.op(
        Kind.POOL_BITS,
        "pool_bits",
        source_at=source.pixels(),
        source_step=source.at.step,
        source_group_bytes=source.group_bytes,
        inverts_at=builder.constant(quad_bits(by_quads(invert, False))),
        groups=source.layout.groups,
        height=source.layout.in_size[0],
        width=source.layout.in_size[1],
        out_height=height,
        out_width=width,
        **window._asdict(),
        vectors=vectors,
        scratch_at=builder.scratch(vectors * lanes),
        planes=target.record,
    )


def add_restage(builder: TapeBuilder, source: PlaneSet, layout: PlaneLayout) -> PlaneSet:
    """Write the copy of planes into those of another layout, and return these.

    Args:
        builder: The tape.
        source: Planes with column 0.
        layout: The other layout, whose channels follow each other too.
    """
    target = add_planes(builder, layout)
    builder.op(
        Kind.RESTAGE,
        "restages",
        source_at=source.pixels(),
        source_step=source.at.step,
        source_group_bytes=source.group_bytes,
        target_at=target.at,
        target_step=target.at.step,
        groups=layout.groups,
        height=layout.in_size[0],
        in_width=layout.in_size[1],
        width=layout.width,
        stride_height=layout.stride[0],
        stride_width=layout.stride[1],
        start=layout.start,
        plane_bytes=layout.plane_bytes,
        columns_at=target.columns,
        columns=len(layout.columns),
        halves_at=builder.scratch(2 * layout.in_size[1] + 512),
    )
    return target


def add_unpack(builder: TapeBuilder, source: PlaneSet, target: Rows) -> None:
    """Write the turning of bits, planes with column 0, into rows of ±1."""
    builder.op(
        Kind.UNPACK,
        "unpacks",
        source_at=source.pixels(),
        source_step=source.at.step,
        group_bytes=source.group_bytes,
        target_at=target.at,
        target_step=target.at.step,
        row=target.row,
        channels=target.channels,
        pixels=target.length,
    )


def add_float(
    builder: TapeBuilder, operation: Float, source: Rows, target: Rows, *parameters: np.ndarray
) -> None:
    """Write an operation on every value.

    Args:
        builder: The tape.
        operation: Which.
        source: What it reads.
        target: What it writes; may be the source.
        parameters: Up to three, float32 (C,).
    """
    values = [builder.constant(part.astype(np.float32)) for part in parameters]
    first, second, third = [*values, NOWHERE, NOWHERE, NOWHERE][:3]
    builder.op(
        Kind.FLOAT,
        "floats",
        operation=operation,
        **source.fields("source"),
        **target.fields("target"),
        channels=source.channels,
        length=source.length,
        first_at=first,
        second_at=second,
        third_at=third,
    )


def add_pool(
    builder: TapeBuilder,
    source: Rows,
    target: Rows,
    sizes: tuple[tuple[int, int], tuple[int, int]],
    window: Window,
    *,
    is_max: bool,
) -> None:
    """Write pooling of floats over the taps inside the image.

    Args:
        builder: The tape.
        source: What it reads.
        target: What it writes.
        sizes: Height and width of the source and of the target.
        window: How taps lie; padding does not count.
        is_max: Take the maximum, else the mean.
    """
    (height, width), (out_height, out_width) = sizes
    builder.op(
        Kind.POOL,
        "pools",
        is_max=is_max,
        **source.fields("source"),
        **target.fields("target"),
        channels=source.channels,
        height=height,
        width=width,
        out_height=out_height,
        out_width=out_width,
        **window._asdict(),
        line_at=builder.scratch(4 * (width + 2 * window.padding) + 128),
    )


def add_linear(
    builder: TapeBuilder, source: Rows, target: Rows, weight: np.ndarray, bias: np.ndarray
) -> None:
    """Write a fully connected layer of rows of one value: float32 (O, I) and (O,)."""
    outputs, inputs = weight.shape
    quads = -(-inputs // builder.isa.lanes)
    padded = np.zeros((outputs, quads * builder.isa.lanes), np.float32)
    padded[:, :inputs] = weight
    builder.op(
        Kind.LINEAR,
        "linears",
        **source.fields("source"),
        **target.fields("target"),
        weights_at=builder.constant(padded),
        bias_at=builder.constant(bias.astype(np.float32)),
        inputs=inputs,
        outputs=outputs,
        quads=quads,
        features_at=builder.reserve(padded[0].nbytes, shared=True, fill=0),
    )
