"""Weights as choices of look-up tables, and taps as offsets into the planes."""

from __future__ import annotations

import functools

import attrs
import numpy as np

from bnas.binops.geometry import ConvGeometry
from bnas.binops.table.emitters import QUAD
from bnas.binops.table.planes import GROUP, PlaneLayout, tap_positions
from bnas.binops.table.tile import LOOKUPS_A_SUM, TABLE_BYTES

#: Masks of some of four channels that follow each other, all of them first; not all of them where a
#: byte holds channels of several groups.
_MASKS = (15, 1, 2, 4, 8, 3, 6, 12, 7, 14)
_POWERS = 1 << np.arange(GROUP)
#: What four channels can be compared with: (mask of those that count, their weights).
_CHOICES = (
    *((mask, value) for mask in _MASKS for value in range(16) if not value & ~mask),
    (0, 0),
)
_INDEX = {choice: index for index, choice in enumerate(_CHOICES)}
#: Mask -> index of the choice by the weights, int64 (16,); those outside the mask do not matter.
_OF_MASK = {mask: np.array([_INDEX[mask, value & mask] for value in range(16)]) for mask in _MASKS}
#: A choice of weights that no bits mismatch: of a channel that a tap does not belong to.
ABSENT = _INDEX[0, 0]


@functools.cache
def look_up_tables() -> np.ndarray:
    """The tables of every pair of choices: of the weights of some of four channels, or `ABSENT`.

    Returns:
        uint8 (pairs, 16), at an address that is a multiple of 64. Entry i of table
        ``a + len(choices) * b`` is ``popcount((i ^ weights_a) & mask_a) + 16 * (the same of b)``.
    """
    ones = np.array([value.bit_count() for value in range(16)], np.uint8)
    masks, values = np.array(_CHOICES).T[:, :, None]
    missed = ones[(np.arange(16) ^ values) & masks]
    count = len(_CHOICES) ** 2
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
    only those of its own, and of a byte that it shares with other groups only its own bits.

    Args:
        geometry: The convolution.
        weights: uint8 (O, group bytes, KH, KW), packed along the input channels.
        layout: The planes it reads.

    Returns:
        What the kernel takes.
    """
    choices, spans = _choices(geometry, weights, layout)
    taps = choices[0].shape[1]
    quads = -(-geometry.out_channels // QUAD)
    members = [spans[QUAD * quad : QUAD * (quad + 1)] for quad in range(quads)]
    reads = [(min(first for first, _ in own), max(stop for _, stop in own)) for own in members]
    sets = sorted(set(reads))
    depth = max(stop - first for first, stop in sets) * taps
    depth = -(-depth // LOOKUPS_A_SUM) * LOOKUPS_A_SUM
    rows = np.full((quads * QUAD, depth), ABSENT, np.int64)
    for channel, row in enumerate(choices):
        start = (spans[channel][0] - reads[channel // QUAD][0]) * taps
        rows[channel, start : start + row.size] = row.reshape(-1)
    pairs = rows.reshape(quads, 2, 2, depth)
    tables = (pairs[:, :, 0] + len(_CHOICES) * pairs[:, :, 1]) * TABLE_BYTES
    return TableWeights(
        tables=tables.astype(np.uint16),
        taps=np.array([_taps(geometry, layout, span, depth) for span in sets], np.int64),
        quad_taps=np.array([sets.index(span) for span in reads], np.int64),
        out_channels=geometry.out_channels,
    )


def _choices(
    geometry: ConvGeometry, weights: np.ndarray, layout: PlaneLayout
) -> tuple[list[np.ndarray], list[tuple[int, int]]]:
    """Return what each output channel is compared with, and where.

    Returns:
        For each output channel int64 (bytes, taps), indices of choices, and the bytes of a pixel
        that they belong to, first and one after the last.
    """
    length, outputs = geometry.group_channels, geometry.out_channels // geometry.groups
    bits = np.unpackbits(weights, axis=1, bitorder="little")[:, :length]
    by_group = bits.reshape(geometry.groups, outputs, length, -1)
    pitch = -(-layout.apart // GROUP) * GROUP if layout.apart else length
    # Spare bits of a byte of one's own are 0, as the weights are there: all four may count.
    shares = geometry.groups > 1 and not layout.apart
    choices: list[np.ndarray] = []
    spans: list[tuple[int, int]] = []
    for group, own in enumerate(by_group):
        first, skip = divmod(group * pitch, GROUP)
        size = -(-(skip + length) // GROUP)
        spare = (skip, size * GROUP - skip - length)
        values = np.pad(own, ((0, 0), spare, (0, 0))).reshape(outputs, size, GROUP, -1)
        found = np.einsum("ogit,i->ogt", values, _POWERS)
        masks = np.pad(np.ones(length, np.int64), spare, constant_values=int(not shares))
        for byte, mask in enumerate(masks.reshape(size, GROUP) @ _POWERS):
            found[:, byte] = _OF_MASK[mask][found[:, byte]]
        choices += list(found)
        spans += [(first, first + size)] * outputs
    return choices, spans


def _taps(
    geometry: ConvGeometry, layout: PlaneLayout, span: tuple[int, int], depth: int
) -> list[int]:
    """Where each tap of some bytes of a pixel reads; spare ones read the first, for nothing."""
    places = [
        layout.place(part, row, column)
        for part in range(*span)
        for row in tap_positions(geometry, 0)
        for column in tap_positions(geometry, 1)
    ]
    return places + [places[0]] * (depth - len(places))
