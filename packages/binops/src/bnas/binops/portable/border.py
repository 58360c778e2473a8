"""The exact correction of zero padding, prepared once for a convolution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnas.binops.geometry import ConvGeometry


class Border(NamedTuple):
    """What to add to the counts of those outputs whose window hangs over the edge.

    The kernel reads padding as bits 0, that is -1, and so counts ``-weight`` for a padded tap
    that must count 0. Adding the sum of the weights of the padded taps puts that right, exactly.
    That sum depends on the output channel and on *which* taps are padded, and few such sets
    exist (a 3x3 kernel with padding 1 has nine), so a table holds them all.

    R is the number of output rows, Q the number of border outputs, S the number of sets.

    Args:
        row_starts: int64 (R + 1,), where the border outputs of a row start in `columns`.
        columns: int64 (Q,), the column of each border output, row by row.
        tap_sets: int64 (Q,), its set of padded taps.
        corrections: int32 (O, S), what to add.
    """

    row_starts: np.ndarray
    columns: np.ndarray
    tap_sets: np.ndarray
    corrections: np.ndarray


def prepare_border(geometry: ConvGeometry, weight_sums: np.ndarray) -> Border:
    """Find the border outputs and their corrections.

    Args:
        geometry: The convolution.
        weight_sums: int64 (O, KH, KW), the sum of the ±1 weights of each tap.

    Returns:
        The border; empty where there is no padding.
    """
    rows, row_sets = np.unique(geometry.valid_taps(0), axis=0, return_inverse=True)
    columns, column_sets = np.unique(geometry.valid_taps(1), axis=0, return_inverse=True)
    row_sets, column_sets = row_sets.reshape(-1), column_sets.reshape(-1)
    inside = np.einsum("oyx,ry,cx->orc", weight_sums, rows.astype(int), columns.astype(int))
    total = weight_sums.sum(axis=(1, 2))
    corrections = total[:, None, None] - inside
    whole_rows, whole_columns = np.all(rows, axis=1), np.all(columns, axis=1)
    whole = whole_rows[row_sets][:, None] & whole_columns[column_sets]
    border_rows, border_columns = np.nonzero(~whole)
    per_row = np.bincount(border_rows, minlength=geometry.out_size[0])
    tap_sets = row_sets[border_rows] * len(columns) + column_sets[border_columns]
    return Border(
        row_starts=np.concatenate(([0], np.cumsum(per_row))).astype(np.int64),
        columns=border_columns.astype(np.int64),
        tap_sets=tap_sets.astype(np.int64),
        corrections=np.ascontiguousarray(corrections.reshape(len(total), -1), np.int32),
    )
