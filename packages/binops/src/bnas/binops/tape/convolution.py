"""Write binary convolutions, and what feeds them, to a tape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnas.binops.geometry import ConvGeometry
from bnas.binops.table.emitters import QUAD
from bnas.binops.table.quads import MAX_VECTORS
from bnas.binops.table.weights import table_weights
from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.plane_set import PlaneSet
from bnas.binops.tape.pointers import NOWHERE, Pointer
from bnas.binops.tape.records import Kind, Reading, Sink
from bnas.binops.tape.sliced_convolution import PackedBits, is_sliced, reading_for, sliced_fields

#: Longer dot products could leave int16.
MAX_DOT_LENGTH = 32_000


def add_stage(builder: TapeBuilder, source: Pointer, planes: PlaneSet, channel_groups: int) -> None:
    """Write the copy of packed bits into planes.

    Args:
        builder: The tape.
        source: uint8 (N, groups * bytes, H, W), every group of channels in whole bytes.
        planes: Where they go.
        channel_groups: Groups of channels.
    """
    layout = planes.layout
    parts = layout.groups // channel_groups
    builder.op(
        Kind.STAGE,
        "stages",
        source_at=source,
        source_step=source.step,
        target_at=planes.at,
        target_step=planes.at.step,
        image_bytes=layout.image_bytes,
        bytes_a_group=-(-parts // 2),
        parts=parts,
        channel_groups=channel_groups,
        groups=layout.groups,
        height=layout.in_size[0],
        in_width=layout.in_size[1],
        width=layout.width,
        stride_height=layout.stride[0],
        stride_width=layout.stride[1],
        start=layout.start,
        plane_bytes=layout.plane_bytes,
        columns_at=planes.columns,
        columns=len(layout.columns),
        masks_at=planes.masks,
        mask_bytes=planes.mask_bytes,
    )


def by_quads(values: np.ndarray, spare: float) -> np.ndarray:
    """Arrange one value an output channel by quads.

    Args:
        values: (O,).
        spare: Value of channels that the last quad has not.

    Returns:
        (Q, 4), of the same type.
    """
    count = -len(values) % QUAD
    return np.concatenate([values, np.full(count, spare, values.dtype)]).reshape(-1, QUAD)


def quad_bits(flags: np.ndarray) -> np.ndarray:
    """Make bytes of bool (Q, 4): uint8 (Q,), and one more if that is odd."""
    bits = (flags.astype(np.uint8) << np.arange(QUAD, dtype=np.uint8)).sum(1, dtype=np.uint8)
    return np.pad(bits, (0, len(bits) % 2))


class ConvWriter:
    """Writes one convolution with its epilogues.

    Args:
        builder: The tape.
        geometry: The convolution; dot products of at most `MAX_DOT_LENGTH`.
        weights: uint8 (O, group bytes, KH, KW), packed along the input channels.
        planes: What it reads, at least the positions that it needs; packed bits only where
            `reads_packed`.
    """

    def __init__(
        self,
        builder: TapeBuilder,
        geometry: ConvGeometry,
        weights: np.ndarray,
        planes: PlaneSet | PackedBits,
    ) -> None:
        self._builder = builder
        self.geometry = geometry
        self._planes = planes
        self._weights = weights
        self._limits: list[np.ndarray] = []
        self._epilogues: list[dict[str, object]] = []
        self._sinks: list[Sink] = []

    def add_bits(
        self,
        threshold: np.ndarray,
        flip: np.ndarray,
        target: PlaneSet | Pointer,
        plane_bytes: int = 0,
    ) -> None:
        """Add ``(count >= threshold) ^ flip``.

        Args:
            threshold: int32 (O,).
            flip: bool (O,).
            target: Planes, or where uint8 (N, ceil(O / 8), pixels) lies.
            plane_bytes: Bytes between planes of bytes.
        """
        limits = np.clip(threshold, -MAX_DOT_LENGTH - 1, MAX_DOT_LENGTH + 1).astype(np.int16)
        self._limits.append(limits)
        spare = np.iinfo(np.int16).max
        fields = {
            "limits_at": self._builder.constant(by_quads(limits, spare)),
            "flips_at": self._builder.constant(quad_bits(by_quads(flip, False))),
        }
        if isinstance(target, PlaneSet):
            self._epilogue(Sink.PLANES, planes=target.record, **fields)
        else:
            self._epilogue(Sink.BYTES, target, row=plane_bytes, **fields)

    def add_counts(self, target: Pointer, row: int) -> None:
        """Add the counts: int32 rows, `row` bytes from channel to channel."""
        self._epilogue(Sink.COUNTS, target, row=row)

    def add_floats(
        self,
        scale: np.ndarray,
        target: Pointer,
        row: int,
        *,
        relu: bool = False,
        accumulate: bool = False,
    ) -> None:
        """Add ``float32(count) * scale``, then ReLU and the sum with what is there, if wanted.

        Args:
            scale: float32 (O,).
            target: Where the rows lie, of the output's pixels each.
            row: Bytes from channel to channel.
            relu: Set what is not positive to 0.
            accumulate: Add to what is there.
        """
        self._epilogue(
            Sink.FLOATS,
            target,
            row=row,
            scale_at=self._scale(scale),
            relu=relu,
            accumulate=accumulate,
        )

    def add_stream(
        self,
        scale: np.ndarray,
        target: Pointer,
        row: int,
        *,
        activation: str = "none",
        parameters: Sequence[np.ndarray] = (),
        accumulate: bool = False,
        readers: Sequence[int] = (),
    ) -> None:
        """Add floats in rows of whole vectors, and the bits of these for some readers.

        Args:
            scale: float32 (O,).
            target: Where the rows lie, in an arena.
            row: Bytes from channel to channel.
            activation: "none", "relu", "rprelu" or "affine".
            parameters: float32 (O,) each: shift, slope, shift; or multiplier and offset.
            accumulate: Add to what is there.
            readers: Indices of consecutive READER records.
        """
        from bnas.binops.table.emitters import ACTIVATIONS

        place = NOWHERE
        if parameters:
            rows = [by_quads(part, 0) for part in parameters]
            place = self._builder.constant(np.array(rows, np.float32))
        self._epilogue(
            Sink.STREAM,
            target,
            row=row,
            scale_at=self._scale(scale),
            relu=ACTIVATIONS.index(activation),
            parameters_at=place,
            accumulate=accumulate,
            first_reader=readers[0] if readers else 0,
            readers=len(readers),
        )

    def _scale(self, scale: np.ndarray) -> Pointer:
        return self._builder.constant(by_quads(scale.astype(np.float32), 0))

    def _epilogue(self, sink: Sink, target: Pointer = NOWHERE, **fields: object) -> None:
        values: dict[str, object] = dict.fromkeys(
            ("row", "planes", "relu", "accumulate", "first_reader", "readers"), 0
        )
        pointers = dict.fromkeys(("limits_at", "flips_at", "scale_at", "parameters_at"), NOWHERE)
        place = {"sink": sink, "target_at": target, "target_step": target.step}
        self._sinks.append(sink)
        self._epilogues.append({**values, **pointers, **place, **fields})

    def write(self) -> None:
        """Write the operation."""
        builder, geometry = self._builder, self.geometry
        pixels = geometry.out_size[0] * geometry.out_size[1]
        lanes = builder.isa.lanes
        vectors = -(-pixels // lanes)
        valid = np.zeros(vectors * lanes, np.int16)
        taps = [geometry.valid_taps(axis).sum(axis=1) for axis in (0, 1)]
        valid[:pixels] = (np.outer(*taps) * geometry.group_channels).reshape(-1)
        indices = [builder.record("epilogues", **fields) for fields in self._epilogues]
        common = {
            "out_channels": geometry.out_channels,
            "quads": -(-geometry.out_channels // QUAD),
            "pixels": pixels,
            "valid_at": builder.constant(valid),
            "first_epilogue": indices[0] if indices else 0,
            "epilogues": len(indices),
        }
        if is_sliced(builder.isa, geometry):
            reading = reading_for(geometry, self._sinks)
            fields = sliced_fields(
                builder,
                geometry,
                self._weights,
                self._planes,
                reading,
                self._limits[0].astype(np.int64) if reading == Reading.SIGNS else None,
            )
            builder.op(Kind.SLICED_CONV, "sliced_convs", **common, **fields)
            return
        assert isinstance(self._planes, PlaneSet)
        weights = table_weights(geometry, self._weights, self._planes.layout)
        builder.op(
            Kind.CONV,
            "convs",
            source_at=self._planes.at,
            source_step=self._planes.at.step,
            tables_at=builder.constant(weights.tables),
            taps_at=builder.constant(weights.taps),
            depth=weights.tables.shape[2],
            quad_taps_at=builder.constant(weights.quad_taps),
            vectors=vectors,
            scratch_at=builder.scratch(2 * QUAD * MAX_VECTORS * lanes),
            **common,
        )
