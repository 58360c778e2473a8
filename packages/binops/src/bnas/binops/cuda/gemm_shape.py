"""How the matrix product divides its work."""

from __future__ import annotations

from attrs import frozen

from bnas.binops.cuda.warp_grid import WarpGrid
from bnas.binops.errors import ShapeError


@frozen
class GemmTile(WarpGrid):
    """How a block divides its work; its threads must share out the rows of A, and of B, evenly.

    Raises:
        ShapeError: They cannot, or the number of column tiles is odd.
    """

    def __attrs_post_init__(self) -> None:
        """Validate."""
        if self.column_tiles % 2 or any(4 * n % (2 * self.threads) for n in self.sides):
            raise ShapeError(
                "a tile's threads must share out pairs of rows and columns evenly (got "
                f"{self.threads} threads for {self.sides[0]} rows and {self.sides[1]} columns)"
            )

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns
