"""Weights as choices of look-up tables, and taps as offsets into the planes."""

from __future__ import annotations

import functools

import attrs
import numpy as np

from bnas.binops.geometry import ConvGeometry
from bnas.binops.table.emitters import QUAD
from bnas.binops.table.planes import GROUP, PlaneLayout, tap_positions
from bnas.binops.table.tile import LOOKUPS_A_SUM, TABLE_BYTES

#: A choice of weights that no bits mismatch: of a channel that a tap does not belong to.
ABSENT = 16


@functools.cache
def look_up_tables() -> np.ndarray:
    """The tables of every pair of four-bit weights, or `ABSENT`.

    Returns:
        uint8 (289, 16), at an address that is a multiple of 64. Entry i of table ``a + 17 * b`` is
        ``popcount(i ^ a) + 16 * popcount(i ^ b)``, without the part of an absent channel.
    """
    ones = np.array([value.bit_count() for value in range(16)], np.uint8)
    missed = np.zeros((ABSENT + 1, 16), np.uint8)
    missed[:ABSENT] = ones[np.arange(16) ^ np.arange(16)[:, None]]
    count = (ABSENT + 1) ** 2
    memory = np.zeros(count * TABLE_BYTES + 64, np.uint8)
    start = -memory.ctypes.data % 64
    tables = memory[start : start + count * TABLE_BYTES].reshape(count, TABLE_BYTES)
    tables[...] = (missed[None] | missed[:, None] << 4).reshape(count, TABLE_BYTES)
    return tables


@attrs.frozen(eq=False)
class TableWeights:
    """A convolution's weights for the table kernel.

    Q quads of output channels, T sets of taps, K taps times groups of four channels, rounded up to
    triples.

    Args:
        tables: uint16 (Q, 2, K), byte offsets of look-up tables, for the two pairs of a quad.
        taps: int64 (T, K), bytes from the start of an image's planes.
        quad_taps: int64 (Q,), the set of taps that a quad reads.
        out_channels: Output channels; the last quad may have fewer than four.
    """

    tables: np.ndarray
    taps: np.ndarray
    quad_taps: np.ndarray
    out_channels: int


def table_weights(geometry: ConvGeometry, weights: np.ndarray, layout: PlaneLayout) -> TableWeights:
    """Choose the tables and find the taps of a convolution.

    A quad whose channels belong to several groups reads the taps of all of these; a channel counts
    only those of its own.

    Args:
        geometry: The convolution.
        weights: uint8 (O, group bytes, KH, KW), packed along the input channels.
        layout: The planes it reads.

    Returns:
        What the kernel takes.
    """
    nibbles = _nibbles(geometry, weights)
    outputs = geometry.out_channels // geometry.groups
    quads = -(-geometry.out_channels // QUAD)
    last = [min(geometry.out_channels, QUAD * (quad + 1)) - 1 for quad in range(quads)]
    spans = [(QUAD * quad // outputs, last[quad] // outputs) for quad in range(quads)]
    sets = sorted(set(spans))
    length = nibbles.shape[1]
    depth = max(stop - start + 1 for start, stop in sets) * length
    depth = -(-depth // LOOKUPS_A_SUM) * LOOKUPS_A_SUM
    choices = np.full((quads * QUAD, depth), ABSENT, np.int64)
    for channel, row in enumerate(nibbles):
        start = (channel // outputs - spans[channel // QUAD][0]) * length
        choices[channel, start : start + length] = row
    pairs = choices.reshape(quads, 2, 2, depth)
    tables = (pairs[:, :, 0] + (ABSENT + 1) * pairs[:, :, 1]) * TABLE_BYTES
    return TableWeights(
        tables=tables.astype(np.uint16),
        taps=np.array([_taps(geometry, layout, span, depth) for span in sets], np.int64),
        quad_taps=np.array([sets.index(span) for span in spans], np.int64),
        out_channels=geometry.out_channels,
    )


def _nibbles(geometry: ConvGeometry, weights: np.ndarray) -> np.ndarray:
    """Return the weights in fours: int64 (O, groups of four * taps)."""
    bits = np.unpackbits(weights, axis=1, bitorder="little")[:, : geometry.group_channels]
    spare = -geometry.group_channels % GROUP
    bits = np.pad(bits, ((0, 0), (0, spare), (0, 0), (0, 0)))
    values = bits.reshape(len(bits), bits.shape[1] // GROUP, GROUP, -1)
    return np.einsum("ogit,i->ogt", values, 1 << np.arange(GROUP)).reshape(len(bits), -1)


def _taps(
    geometry: ConvGeometry, layout: PlaneLayout, span: tuple[int, int], depth: int
) -> list[int]:
    """Where each tap of some groups of channels reads; spare ones read the first, for nothing."""
    parts = -(-geometry.group_channels // GROUP)
    places = [
        layout.place(part, row, column)
        for part in range(span[0] * parts, (span[1] + 1) * parts)
        for row in tap_positions(geometry, 0)
        for column in tap_positions(geometry, 1)
    ]
    return places + [places[0]] * (depth - len(places))
