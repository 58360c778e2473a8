"""How the bits of an image lie for the table kernels: planes of pixels, one for every tap column.

A byte holds the sign bits of four channels of one pixel (bit *i* = channel 4*g + i of group *g*),
or 0x80 where a tap falls on padding. There is a plane for every group *g* of four channels and for
every *horizontal* position of a tap: the plane of position r holds, at row y and column x, the
pixel (y, x * stride + r). Its rows are as long as the output's, so a vector of output pixels reads
every tap from one address, without gaps between rows; what is left of the kernel is a choice of
rows, and with a vertical stride of rows in turn (*phases*).

Rows of 0x80 lie above and below the image. The spare bytes around a plane let vectors hang over.
"""

from __future__ import annotations

import attrs
import numpy as np

from bnas.binops.geometry import ConvGeometry

#: Channels of a byte.
GROUP = 4
#: A byte of padding: table look-ups give 0 for it.
PADDING = 0x80
#: Bytes before the first row, and at least twice as many after the last: vectors may hang over.
MARGIN = 64


@attrs.frozen
class PlaneLayout:
    """Planes of one image. Sizes in pixels, positions in bytes.

    Args:
        in_size: Height and width of the image.
        width: Columns of the output, which is the length of a row.
        stride: Height and width.
        columns: Horizontal positions of taps, sorted; 0 is the pixel at `x * stride`.
        top: Rows of padding above.
        bottom: Rows of padding below.
        groups: Groups of four channels.
        apart: Channels of one group of a convolution, each of which begins at a byte of its own; 0
            where all channels follow each other.
    """

    in_size: tuple[int, int]
    width: int
    stride: tuple[int, int]
    columns: tuple[int, ...]
    top: int
    bottom: int
    groups: int
    apart: int = 0

    @property
    def phases(self) -> int:
        """Planes that the rows of an image are dealt out to in turn."""
        return self.stride[0]

    @property
    def rows(self) -> int:
        """Rows of image in a plane: those of the fullest phase."""
        return -(-self.in_size[0] // self.stride[0])

    @property
    def start(self) -> int:
        """First pixel of the image, from the start of a plane."""
        return MARGIN + self.top * self.width

    @property
    def plane_bytes(self) -> int:
        """Bytes of a plane: an odd number of cache lines, so that planes share no cache set."""
        used = MARGIN + (self.top + self.rows + self.bottom) * self.width
        lines = -(-(used + 2 * MARGIN) // 64)
        return 64 * (lines | 1)

    @property
    def image_bytes(self) -> int:
        """Bytes of all planes."""
        return self.phases * self.groups * len(self.columns) * self.plane_bytes

    def place(self, group: int, row: int, column: int) -> int:
        """Where a tap reads the first output pixel.

        Args:
            group: Group of four channels.
            row: Vertical position of the tap: it reads row ``y * stride + row``.
            column: Horizontal position of the tap, one of `columns`.

        Returns:
            Bytes from the start of the image's planes.
        """
        turn, phase = divmod(row, self.stride[0])
        plane = (phase * self.groups + group) * len(self.columns) + self.columns.index(column)
        return plane * self.plane_bytes + self.start + turn * self.width

    def masks(self, lanes: int) -> np.ndarray:
        """What is OR-ed to the pixels as they are written to a plane: 0x80 where padding is.

        Only for a stride of 1 and rows as long as the image's.

        Args:
            lanes: Bytes of a vector.

        Returns:
            uint8 (columns, 2 * MARGIN + pixels rounded up to vectors); pixel 0 at MARGIN.
        """
        height, width = self.in_size
        pixels = height * width
        reach = -(-pixels // lanes) * lanes
        masks = np.full((len(self.columns), 2 * MARGIN + reach), PADDING, np.uint8)
        column_of = np.arange(pixels) % width
        for mask, shift in zip(masks, self.columns, strict=True):
            seen = column_of + shift
            mask[MARGIN : MARGIN + pixels][(seen >= 0) & (seen < width)] = 0
        return masks

    def together(self, channels: int) -> PlaneLayout:
        """Return the same planes of `channels` channels that follow each other."""
        return attrs.evolve(self, groups=-(-channels // GROUP), apart=0)

    @property
    def is_plain(self) -> bool:
        """Whether planes are shifted copies of the image: no stride, rows of the same length."""
        return self.stride == (1, 1) and self.width == self.in_size[1]

    @property
    def shows_image(self) -> bool:
        """Whether one of the planes is the image as it is."""
        return self.is_plain and 0 in self.columns


def tap_positions(geometry: ConvGeometry, axis: int) -> list[int]:
    """Positions of the taps along one axis, in input pixels; 0 is the output's own pixel."""
    taps = range(geometry.kernel[axis])
    return [tap * geometry.dilation[axis] - geometry.padding[axis] for tap in taps]


def layout_for(geometry: ConvGeometry) -> PlaneLayout:
    """The planes that one convolution reads; groups of channels begin at groups of four.

    With `PlaneLayout.together` of it, they follow each other as they lie in an image.
    """
    turns = [row // geometry.stride[0] for row in tap_positions(geometry, 0)]
    rows = -(-geometry.in_size[0] // geometry.stride[0])
    return PlaneLayout(
        in_size=geometry.in_size,
        width=geometry.out_size[1],
        stride=geometry.stride,
        columns=tuple(sorted(set(tap_positions(geometry, 1)))),
        top=max(0, -min(turns)),
        bottom=max(0, geometry.out_size[0] + max(turns) - rows),
        groups=geometry.groups * -(-geometry.group_channels // GROUP),
        apart=geometry.group_channels if geometry.groups > 1 else 0,
    )
