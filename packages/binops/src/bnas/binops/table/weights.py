"""Weights as choices of look-up tables, and taps as offsets into the planes."""

from __future__ import annotations

import functools

import attrs
import numpy as np

from bnas.binops.geometry import ConvGeometry
from bnas.binops.table.emitters import QUAD
from bnas.binops.table.planes import GROUP, PlaneLayout, tap_positions
from bnas.binops.table.tile import LOOKUPS_A_SUM, TABLE_BYTES


@functools.cache
def look_up_tables() -> np.ndarray:
    """The tables of every pair of four-bit weights, and a last one of zeros.

    Returns:
        uint8 (257, 16), at an address that is a multiple of 64. Entry i of table ``a + 16 * b`` is
        ``popcount(i ^ a) + 16 * popcount(i ^ b)``.
    """
    ones = np.array([bin(value).count("1") for value in range(16)], np.uint8)
    memory = np.zeros(257 * TABLE_BYTES + 64, np.uint8)
    start = -memory.ctypes.data % 64
    tables = memory[start : start + 257 * TABLE_BYTES].reshape(257, TABLE_BYTES)
    index, choice = np.arange(16), np.arange(256)[:, None]
    tables[:256] = ones[index ^ (choice & 15)] | ones[index ^ (choice >> 4)] << 4
    return tables


@attrs.frozen(eq=False)
class TableWeights:
    """A convolution's weights for the table kernel.

    Q quads of output channels, K taps times groups of four channels, rounded up to triples.

    Args:
        tables: uint16 (Q, 2, K), byte offsets of look-up tables, for the two pairs of a quad.
        taps: int64 (groups, K), bytes from the start of an image's planes.
        quad_groups: int64 (Q,), the group of channels that a quad belongs to.
        quad_outputs: int64 (Q, 2), first output channel of a quad and the number of those it has.
    """

    tables: np.ndarray
    taps: np.ndarray
    quad_groups: np.ndarray
    quad_outputs: np.ndarray


def table_weights(geometry: ConvGeometry, weights: np.ndarray, layout: PlaneLayout) -> TableWeights:
    """Choose the tables and find the taps of a convolution.

    Args:
        geometry: The convolution.
        weights: uint8 (O, group bytes, KH, KW), packed along the input channels.
        layout: The planes it reads.

    Returns:
        What the kernel takes.
    """
    groups = geometry.groups
    bits = np.unpackbits(weights, axis=1, bitorder="little")[:, : geometry.group_channels]
    spare = -geometry.group_channels % GROUP
    bits = np.pad(bits, ((0, 0), (0, spare), (0, 0), (0, 0)))
    parts = bits.shape[1] // GROUP
    values = bits.reshape(len(bits), parts, GROUP, -1)
    nibbles = np.einsum("ogit,i->ogt", values, 1 << np.arange(GROUP)).reshape(len(bits), -1)
    outputs = geometry.out_channels // groups
    quads = -(-outputs // QUAD)
    depth = -(-nibbles.shape[1] // LOOKUPS_A_SUM) * LOOKUPS_A_SUM
    by_quad = np.zeros((groups, quads * QUAD, nibbles.shape[1]), np.int64)
    by_quad[:, :outputs] = nibbles.reshape(groups, outputs, -1)
    pairs = by_quad.reshape(groups * quads, 2, 2, -1)
    tables = np.full((groups * quads, 2, depth), 256 * TABLE_BYTES, np.uint16)
    tables[..., : nibbles.shape[1]] = (pairs[:, :, 0] + 16 * pairs[:, :, 1]) * TABLE_BYTES
    firsts = np.arange(groups)[:, None] * outputs + np.arange(quads) * QUAD
    counts = np.minimum(QUAD, outputs - np.arange(quads) * QUAD)
    return TableWeights(
        tables=tables,
        taps=_taps(geometry, layout, parts, depth),
        quad_groups=np.repeat(np.arange(groups), quads),
        quad_outputs=np.stack(np.broadcast_arrays(firsts, counts), -1).reshape(-1, 2).copy(),
    )


def _taps(geometry: ConvGeometry, layout: PlaneLayout, parts: int, depth: int) -> np.ndarray:
    """Where each tap of each group of channels reads; spare ones read the first, for nothing."""
    rows, columns = tap_positions(geometry, 0), tap_positions(geometry, 1)
    taps = [
        [
            layout.place(group * parts + part, row, column)
            for part in range(parts)
            for row in rows
            for column in columns
        ]
        for group in range(geometry.groups)
    ]
    spare = [[places[0]] * (depth - len(places)) for places in taps]
    return np.array([places + more for places, more in zip(taps, spare, strict=True)], np.int64)
