"""PACK: floats compared with thresholds, for every reader of their bits."""

from __future__ import annotations

from typing import Any

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import compare, spread
from bnas.binops.tape.pointers import resolve


@kernel(inline=True)
def spread_quad(
    tag: Any, bases: Any, target: Any, image: Any, quad: Any, bits: Any, pixel: Any, vectors: Any
) -> None:
    """Write the bits of one quad into its planes.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        target: `bnas.binops.tape.records.PLANES`.
        image: Number of the image.
        quad: Number of the quad.
        bits: Address of the bits, uint8.
        pixel: The pixel that they begin at.
        vectors: Number of vectors.
    """
    spread(
        tag,
        bits,
        pixel,
        vectors,
        resolve(bases, target.at) + image * target.step + quad * target.group_bytes,
        target.plane_bytes,
        resolve(bases, target.columns_at),
        target.columns,
        resolve(bases, target.masks_at),
        target.mask_bytes,
    )


@kernel(inline=True)
def pack_quad(
    tag: Any, bases: Any, reader: Any, planes: Any, values: Any, row: Any, channels: Any,
    image: Any, quad: Any, pixel: Any, vectors: Any, bits: Any,
) -> None:  # fmt: skip
    """Compare one quad of rows of floats for one reader.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        reader: `bnas.binops.tape.records.READER`.
        planes: All PLANES records.
        values: Address of the quad's first value, at the pixel.
        row: Bytes between rows.
        channels: Rows that there are, 1 to 4.
        image: Number of the image.
        quad: Number of the quad.
        pixel: The first pixel.
        vectors: Number of vectors.
        bits: uint8, at least as many as pixels, of any content.
    """
    compare(
        tag,
        values,
        row,
        channels,
        resolve(bases, reader.thresholds_at) + 16 * quad,
        resolve(bases, reader.flips_at) + quad,
        bits.ctypes.data,
        vectors,
    )
    spread_quad(tag, bases, planes[reader.planes], image, quad, bits.ctypes.data, pixel, vectors)


@kernel()
def run_pack(
    tag: Any, bases: Any, record: Any, readers: Any, planes: Any, images: Any, bits: Any
) -> None:
    """Compare floats with the thresholds of every reader.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.PACK`.
        readers: All READER records.
        planes: All PLANES records.
        images: Number of images.
        bits: uint8 scratch; its length is the most pixels at a time.
    """
    most = bits.shape[0] // tag.lanes
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        vector = 0
        while vector < record.vectors:
            vectors = min(most, record.vectors - vector)
            pixel = vector * tag.lanes
            for quad in range(record.quads):
                values = source + 4 * quad * record.source_row + 4 * pixel
                channels = min(4, record.channels - 4 * quad)
                for index in range(record.first_reader, record.first_reader + record.readers):
                    pack_quad(
                        tag,
                        bases,
                        readers[index],
                        planes,
                        values,
                        record.source_row,
                        channels,
                        image,
                        quad,
                        pixel,
                        vectors,
                        bits,
                    )
            vector += vectors
