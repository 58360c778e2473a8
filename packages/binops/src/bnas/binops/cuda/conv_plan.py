"""`PixelConv`: a binary convolution over pixel words on a GPU."""

from __future__ import annotations

import functools
import math
import threading
from typing import Any

import numpy as np
from numba import cuda

from bnas.binops.cuda.constants import upload
from bnas.binops.cuda.conv_outputs import ConvArrays, ConvOutputs, ConvPlaces, OutputKind
from bnas.binops.cuda.conv_tables import Tables
from bnas.binops.cuda.conv_weights import (
    fragment_words,
    group_words,
    grouped_words,
    weight_bits,
    words_of,
)
from bnas.binops.cuda.families import family
from bnas.binops.cuda.launch import Launch, blocks
from bnas.binops.cuda.matrix_conv import matrix_conv_kernel
from bnas.binops.cuda.matrix_shape import MOST_TAPS, MatrixConv, MatrixTile
from bnas.binops.cuda.popcount_conv import THREADS, PopcountConv, popcount_conv_kernel
from bnas.binops.cuda.tiles import fitting_tiles
from bnas.binops.geometry import ConvGeometry

#: Shared memory that every GPU gives a block without asking for more.
SHARED_BYTES = 48 * 1024
#: Blocks that keep a GPU busy to the end: eight on each of 132 multiprocessors.
MANY_BLOCKS = 1056


class PixelConv:
    """A binary convolution with weights, sizes and outputs fixed (docs/adr/0012).

    Args:
        geometry: Its sizes.
        weight: uint8 (O, ceil(I / groups / 8), KH, KW), packed along the input channels.
        outputs: What is made of the counts.
        capability: Compute capability of the GPU, as (9, 0).
        tile: The division of work of the matrix kernel; None chooses by shape.
    """

    def __init__(
        self,
        geometry: ConvGeometry,
        weight: np.ndarray,
        outputs: ConvOutputs,
        capability: tuple[int, int],
        tile: MatrixTile | None = None,
    ) -> None:
        """Lay the weights out."""
        self.geometry = geometry
        self.outputs = outputs
        self._tile = tile
        self._family = family(capability)
        self._bits = weight_bits(geometry, weight)
        self._prepared: dict[MatrixTile | None, tuple[Any, Tables, Any]] = {}
        self._numbers: dict[Any, Any] = {}
        self._turn = threading.Lock()

    def bind(self, images: int, arrays: ConvArrays, places: ConvPlaces) -> Launch:
        """Return the launch for a number of images.

        Args:
            images: At least 0.
            arrays: What is read and written.
            places: Where in these.

        Returns:
            The launch; it holds all that the kernel needs.
        """
        kind = self.outputs.kind(is_planar=places.is_planar)
        conv = self._matrix_conv(images, kind)
        channels = self.geometry.out_channels
        pixels = images * math.prod(self.geometry.out_size)
        if conv is not None:
            kernel, block = matrix_conv_kernel(conv), conv.tile.threads
            row_blocks = blocks(pixels, conv.tile.rows)
            columns = block_columns(channels, conv.tile.columns, row_blocks)
            grid = row_blocks * blocks(channels, columns)
        else:
            kernel, block, columns = popcount_conv_kernel(self._popcount_conv(kind)), THREADS, 32
            grid = blocks(pixels, THREADS) * words_of(channels)
        with self._turn:
            weights, tables, reals = self._constants(conv.tile if conv else None)
            numbers = self._on_device(tables, places, columns)
        nothing = _nothing()
        bits, floats, counts = (
            given if given is not None else empty
            for given, empty in zip(
                (arrays.bits, arrays.floats, arrays.counts), nothing, strict=True
            )
        )
        # An int32, as in the signature that compile checks see; Python's would be an int64.
        arguments = (np.int32(images), arrays.source, weights, numbers, reals, bits, floats, counts)
        return Launch(kernel, grid, block, arguments)

    def _constants(self, tile: MatrixTile | None) -> tuple[Any, Tables, Any]:
        """Weights and tables on the device, for a tile of the matrix kernel or the other one."""
        if tile not in self._prepared:
            columns = tile.columns if tile is not None else 32
            channels = blocks(self.geometry.out_channels, columns) * columns
            is_xor = self._family != "and" or tile is None
            tables = Tables(self.geometry, self._bits, self.outputs, channels, is_xor=is_xor)
            if tile is not None:
                words = fragment_words(self._bits, channels)
            else:
                words = grouped_words(self.geometry, self._bits, channels)
            self._prepared[tile] = upload(words), tables, upload(tables.reals)
        return self._prepared[tile]

    def _on_device(self, tables: Tables, places: ConvPlaces, columns: int) -> Any:
        """What a kernel reads first; kept, since a CUDA graph may hold its address."""
        key = (id(tables), places, columns)
        if key not in self._numbers:
            self._numbers[key] = upload(tables.numbers(places, columns))
        return self._numbers[key]

    def _popcount_conv(self, kind: OutputKind) -> PopcountConv:
        return PopcountConv(
            words=words_of(self.geometry.in_channels),
            group_words=group_words(self.geometry),
            is_grouped=self.geometry.groups > 1,
            outputs=kind,
        )

    def _matrix_conv(self, images: int, kind: OutputKind) -> MatrixConv | None:
        """The kernel of matrix instructions, if there is one for this convolution."""
        geometry = self.geometry
        taps = math.prod(geometry.kernel)
        if self._family == "popcount" or geometry.groups > 1 or taps > MOST_TAPS:
            return None
        pixels = images * math.prod(geometry.out_size)
        tiles = (self._tile,) if self._tile else fitting_tiles(geometry.out_channels, pixels)
        for tile in tiles:
            conv = MatrixConv(
                tile=tile,
                words=words_of(geometry.in_channels),
                range_pixels=range_pixels(geometry, tile.rows),
                is_xor=self._family == "xor",
                outputs=kind,
            )
            if conv.shared_bytes <= SHARED_BYTES:
                return conv
        return None


@functools.cache
def _nothing() -> tuple[Any, Any, Any]:
    """Arrays for what a convolution does not write."""
    return tuple(cuda.device_array(1, kind) for kind in (np.uint32, np.float32, np.int32))


def block_columns(channels: int, columns: int, row_blocks: int) -> int:
    """Return how many output channels a block of the matrix kernel makes, one tile after another.

    What is prepared for its pixels then serves several tiles; but blocks should be many.

    Args:
        channels: Output channels.
        columns: Channels of a tile.
        row_blocks: Blocks over pixels.
    """
    tiles = blocks(channels, columns)
    shares = min(tiles, blocks(MANY_BLOCKS, max(1, row_blocks)))
    return blocks(tiles, shares) * columns


def range_pixels(geometry: ConvGeometry, rows: int) -> int:
    """Return the most input pixels that consecutive output pixels look at.

    Args:
        geometry: The convolution.
        rows: Output pixels of a block, the first a multiple of their number.

    Returns:
        A multiple of 16, so that a compiled kernel serves several image sizes.
    """
    (height, width), (out_height, out_width) = geometry.in_size, geometry.out_size
    size = out_height * out_width
    first = np.arange(0, size * rows // math.gcd(size, rows), rows, dtype=np.int64)
    last = first + rows - 1
    y = first % size // out_width * geometry.stride[0] - geometry.padding[0]
    x = first % out_width * geometry.stride[1] - geometry.padding[1]
    # As `bnas.binops.cuda.conv_range` has it.
    start = (first // size * height + y.clip(0, height)) * width
    start += np.where((y >= 0) & (y < height), x.clip(0, width), 0)
    reach_y, reach_x = (
        (kernel - 1) * dilation - padding
        for kernel, dilation, padding in zip(
            geometry.kernel, geometry.dilation, geometry.padding, strict=True
        )
    )
    y = last % size // out_width * geometry.stride[0] + reach_y
    x = last % out_width * geometry.stride[1] + reach_x
    end = (last // size * height + y.clip(-1, height - 1)) * width
    end += np.where((y >= 0) & (y < height), x.clip(-1, width - 1), width - 1) + 1
    most = max(1, int((end - start).max()))
    return -(-most // 16) * 16
