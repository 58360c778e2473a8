"""The tables of integers and floats of a convolution on a GPU, and the array that holds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnas.binops.cuda import conv_header as header
from bnas.binops.cuda.conv_outputs import ConvOutputs, ConvPlaces, FloatThreshold
from bnas.binops.cuda.conv_weights import as_words, group_masks, words_of
from bnas.binops.epilogues import Threshold
from bnas.binops.geometry import ConvGeometry

_NOWHERE = np.iinfo(np.int32).max


def border_table(geometry: ConvGeometry, bits: np.ndarray, *, is_xor: bool) -> list[np.ndarray]:
    """Return the set of every row and column, and what every count has added to it.

    With AND, ``count = 4 popc(a & w) - 2 popc(a) - sum of the weights of valid taps``. With XOR,
    ``count = valid - 2 popc(a ^ w)``, where bits of padding are 0 and so count the ones of the
    weights there; these are put right.

    Args:
        geometry: The convolution.
        bits: bool (O, KH, KW, I / groups), the weights.
        is_xor: Which.

    Returns:
        int32 (OH,), int32 (OW,), int32 (sets of rows, sets of columns, O).
    """
    rows, row_set = np.unique(geometry.valid_taps(0), axis=0, return_inverse=True)
    columns, column_set = np.unique(geometry.valid_taps(1), axis=0, return_inverse=True)
    ones = bits.sum(axis=3, dtype=np.int64)
    count = geometry.group_channels
    inside = np.einsum("oyx,ry,cx->rco", ones, rows.astype(int), columns.astype(int))
    valid = np.einsum("ry,cx->rc", rows.astype(int), columns.astype(int))[:, :, None] * count
    added = valid + 2 * (ones.sum(axis=(1, 2)) - inside) if is_xor else valid - 2 * inside
    parts = (row_set.reshape(-1), column_set.reshape(-1), added)
    return [part.astype(np.int32) for part in parts]


class Tables:
    """The constants of a convolution but for its weights, and where it reads and writes.

    Args:
        geometry: The convolution.
        bits: bool (O, KH, KW, I / groups), its weights.
        outputs: What is made of the counts.
        table_channels: O and what fills up tiles, a multiple of 16.
        is_xor: Whether the kernel counts with XOR.

    Attributes:
        reals: float32, flat: scale, parameters, thresholds of floats, of `table_channels` each.
    """

    def __init__(
        self,
        geometry: ConvGeometry,
        bits: np.ndarray,
        outputs: ConvOutputs,
        table_channels: int,
        *,
        is_xor: bool,
    ) -> None:
        """Build them."""
        self._geometry = geometry
        self._channels = table_channels
        rows, columns, border = border_table(geometry, bits, is_xor=is_xor)
        comparisons: tuple[Threshold | FloatThreshold, ...] = (*outputs.bits, *outputs.packs)
        thresholds = [self._filled(part.threshold, _NOWHERE) for part in outputs.bits]
        self._tables = {
            header.ROW_SET: rows,
            header.COLUMN_SET: columns,
            header.BORDER: self._filled(border, 0),
            header.THRESHOLDS: np.array(thresholds, np.int32),
            header.FLIPS: _signed(_flip_words(comparisons, table_channels)),
            header.GROUP_MASKS: _signed(group_masks(geometry)),
        }
        self._column_sets = border.shape[1]
        self.reals: np.ndarray = self._reals(outputs)

    def numbers(self, places: ConvPlaces, block_columns: int = 0) -> np.ndarray:
        """Return what the kernel reads first (`bnas.binops.cuda.conv_header`), int32, flat.

        Args:
            places: Where the convolution reads and writes.
            block_columns: Output channels of a block of the matrix kernel.
        """
        geometry = self._geometry
        start = np.zeros(header.LENGTH, np.int64)
        pairs = (
            geometry.in_size,
            geometry.out_size,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            geometry.kernel,
        )
        start[: 2 * len(pairs)] = np.array(pairs).reshape(-1)
        depth = geometry.kernel[0] * geometry.kernel[1] * words_of(geometry.in_channels)
        start[header.CHANNELS] = geometry.out_channels
        start[header.TABLE_CHANNELS] = self._channels
        start[header.CHUNKS] = -(-depth // 8)
        start[header.SOURCE] = places.source
        start[header.COLUMN_SETS] = self._column_sets
        start[header.GROUP_CHANNELS] = geometry.group_channels
        start[header.BLOCK_COLUMNS] = block_columns
        start[header.GROUP_OUTPUTS] = geometry.out_channels // geometry.groups
        pixels = geometry.out_size[0] * geometry.out_size[1]
        for at, place in ((header.COUNT_PLACE, places.counts), (header.FLOAT_PLACE, places.floats)):
            if place is not None:
                start[at : at + 4] = place.strides(pixels)
        words = [(place.at, place.words, place.first) for place in (*places.bits, *places.packs)]
        tables = {**self._tables, header.WORD_PLACES: np.array(words, np.int64)}
        end = header.LENGTH
        parts = [start]
        for at, table in tables.items():
            # Pairs are read together, so that every table begins at an even number.
            start[at], end = end, end + table.size + table.size % 2
            parts.append(np.pad(table.reshape(-1), (0, table.size % 2)))
        return np.concatenate(parts).astype(np.int32)

    def _filled(self, values: np.ndarray, filler: float) -> np.ndarray:
        """Fill the last axis up to the channels of the tables."""
        missing = self._channels - values.shape[-1]
        widths = [(0, 0)] * (values.ndim - 1) + [(0, missing)]
        return np.pad(values, widths, constant_values=filler)

    def _reals(self, outputs: ConvOutputs) -> np.ndarray:
        if outputs.floats is None:
            return np.zeros(1, np.float32)
        parts = [outputs.floats.scale, *outputs.floats.parameters]
        rows = [self._filled(part, 0) for part in parts]
        rows += [self._filled(part.threshold, np.inf) for part in outputs.packs]
        return np.concatenate(rows).astype(np.float32)


def _flip_words(
    comparisons: Sequence[Threshold | FloatThreshold], table_channels: int
) -> np.ndarray:
    """Return the flips of comparisons as words [comparisons, ceil(table channels / 32)]."""
    flips = np.zeros((len(comparisons), table_channels), np.bool_)
    for row, part in zip(flips, comparisons, strict=True):
        row[: len(part.flip)] = part.flip
    return as_words(flips)


def _signed(words: np.ndarray) -> np.ndarray:
    """View words as int32."""
    return words.view(np.int32)
