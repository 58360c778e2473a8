"""`WarpGrid`: how a block of warps divides a tile of a matrix product."""

from __future__ import annotations

from attrs import frozen

from bnas.binops.cuda.warp import WARP


@frozen
class WarpGrid:
    """Warps of a block, and the tiles of the matrix instruction that each makes.

    Args:
        warps_rows: Warps over rows.
        warps_columns: Warps over columns.
        row_tiles: Tiles of 16 rows a warp.
        column_tiles: Tiles of 8 columns a warp.
    """

    warps_rows: int
    warps_columns: int
    row_tiles: int
    column_tiles: int

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return WARP * self.warps_rows * self.warps_columns

    @property
    def rows(self) -> int:
        """Rows of a block."""
        return 16 * self.row_tiles * self.warps_rows

    @property
    def columns(self) -> int:
        """Columns of a block."""
        return 8 * self.column_tiles * self.warps_columns
