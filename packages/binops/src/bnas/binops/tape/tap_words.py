"""How the bit-sliced kernel makes taps itself: words of the image's bits, displaced.

Where there are strides, the image is first dealt out to *phases*, one for every remainder of rows
and of columns that a tap begins at. Each is as large as the output, so that a tap displaces one of
them: (y * stride + row, x * stride + column) is pixel (y + row // stride, x + column // stride) of
the phase (row % stride, column % stride). Pixels that fall outside, or into the next row, are
masked.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from bnas.binops.geometry import ConvGeometry
from bnas.binops.sliced.logic import PIXELS, WORD_BYTES
from bnas.binops.table.planes import tap_positions


def reads_image(geometry: ConvGeometry) -> bool:
    """Whether the kernel can make the taps: with a stride, all phases must be of one size."""
    sizes = zip(geometry.in_size, geometry.stride, geometry.out_size, strict=True)
    return all(in_size == stride * out_size for in_size, stride, out_size in sizes)


@attrs.frozen
class TapWords:
    """Where the taps of a convolution lie in the words of its phases, block by block.

    Args:
        geometry: The convolution, of which `reads_image` holds.
    """

    geometry: ConvGeometry

    @property
    def blocks(self) -> int:
        """Blocks of pixels of the output, and of a phase."""
        return math.ceil(math.prod(self.geometry.out_size) / PIXELS)

    @property
    def image_blocks(self) -> int:
        """Blocks of pixels of the image, if it must be dealt out; else 0."""
        strided = self.geometry.stride != (1, 1)
        return math.ceil(math.prod(self.geometry.in_size) / PIXELS) if strided else 0

    @property
    def margin(self) -> int:
        """Blocks before a phase, and at least as many after it, that taps may reach into."""
        return max(abs(displacement) for _, displacement in self._places()) // PIXELS + 1

    @property
    def phases(self) -> list[tuple[int, int]]:
        """The remainders of rows and columns that taps begin at."""
        return sorted({phase for phase, _ in self._places()})

    @property
    def phase_blocks(self) -> int:
        """Blocks from one phase to the next; funnel shifts read one more than they need."""
        return self.blocks + 2 * self.margin + 1

    def taps(self) -> np.ndarray:
        """Pixels from the first of the first phase to what each tap shows first: int64 (taps,)."""
        starts = {phase: k * self.phase_blocks * PIXELS for k, phase in enumerate(self.phases)}
        return np.array([starts[phase] + moved for phase, moved in self._places()], np.int64)

    def masks(self) -> np.ndarray:
        """Which pixels see each tap inside the image: uint8 (blocks, taps, bytes of a word)."""
        rows, columns = (self.geometry.valid_taps(axis) for axis in (0, 1))
        valid = rows.T[:, None, :, None] & columns.T[None, :, None, :]
        return _words(valid.reshape(rows.shape[1] * columns.shape[1], -1)).transpose(1, 0, 2)

    def picks(self) -> np.ndarray:
        """Which pixels of the image make up the phases.

        Returns:
            int64 (phases, blocks of the image, 2): the bits of those in a block, and where the
            first of them goes, in pixels as `taps` counts them.
        """
        sizes = zip(self.geometry.in_size, self.geometry.stride, strict=True)
        rows, columns = (np.arange(size) % stride for size, stride in sizes)
        chosen = np.array([(rows == y)[:, None] & (columns == x) for y, x in self.phases])
        words = _words(chosen.reshape(len(chosen), -1))
        counts = np.unpackbits(words, axis=2).sum(axis=2, dtype=np.int64)
        starts = np.cumsum(counts, axis=1) - counts
        starts += np.arange(len(chosen))[:, None] * self.phase_blocks * PIXELS
        return np.stack([words.view("<i8")[:, :, 0], starts], axis=2)

    def _places(self) -> list[tuple[tuple[int, int], int]]:
        """The phase and the displacement of every tap, in pixels."""
        places = []
        for row in tap_positions(self.geometry, 0):
            for column in tap_positions(self.geometry, 1):
                (down, y), (right, x) = (
                    divmod(position, stride)
                    for position, stride in zip((row, column), self.geometry.stride, strict=True)
                )
                places.append(((y, x), down * self.geometry.out_size[1] + right))
        return places


def _words(flags: np.ndarray) -> np.ndarray:
    """Pack rows of bool (n, pixels) into words: uint8 (n, blocks, bytes of a word)."""
    flags = np.pad(flags, ((0, 0), (0, -flags.shape[1] % PIXELS)))
    return np.packbits(flags, axis=1, bitorder="little").reshape(len(flags), -1, WORD_BYTES)
