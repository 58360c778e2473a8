"""How the matrix convolution divides its work, and what a kernel of it is compiled for."""

from __future__ import annotations

from attrs import frozen

from bnas.binops.cuda.conv_outputs import OutputKind
from bnas.binops.cuda.warp_grid import WarpGrid
from bnas.binops.errors import ShapeError

#: Taps that a row's mask has bits for; one more is never valid, and stands for filled up depth.
MOST_TAPS = 31


@frozen
class MatrixTile(WarpGrid):
    """How a block of the convolution divides its work, pixels being rows and channels columns.

    The number of column tiles is even, and a multiple of 4 where several warps share the channels,
    so that each begins with a word.

    Raises:
        ShapeError: It is not.
    """

    def __attrs_post_init__(self) -> None:
        """Validate."""
        unit = 2 if self.warps_columns == 1 else 4
        if self.column_tiles % unit:
            raise ShapeError(
                f"`column_tiles` must be a multiple of {unit} with {self.warps_columns} warps over "
                f"channels (got {self.column_tiles})",
                column_tiles=self.column_tiles,
            )


@frozen
class MatrixConv:
    """What a kernel is compiled for.

    Args:
        tile: The division of work.
        words: Words of a pixel.
        range_pixels: Pixels of the input that fit shared memory.
        is_xor: Count with XOR (sm_75), else with AND.
        outputs: What is made of the counts.
    """

    tile: MatrixTile
    words: int
    range_pixels: int
    is_xor: bool
    outputs: OutputKind

    @property
    def pixel_step(self) -> int:
        """Words from pixel to pixel in shared memory.

        Four more than the pixel has, where it has a multiple of eight: eight pixels would begin in
        four banks or fewer.
        """
        return self.words + 4 if self.words % 8 == 0 else self.words

    @property
    def shared_bytes(self) -> int:
        """Shared memory of a block."""
        depth = 8 * -(-MOST_TAPS * self.words // 8)
        return 4 * (self.range_pixels * (self.pixel_step + 1) + 4 + depth + 4 * self.tile.rows)
