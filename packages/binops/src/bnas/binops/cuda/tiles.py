"""The tiles of `tiles.toml`: how blocks of the kernels of matrix instructions divide their work."""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from typing import Any

from bnas.binops.cuda.gemm_shape import GemmTile
from bnas.binops.cuda.launch import blocks
from bnas.binops.cuda.matrix_shape import MatrixTile


@functools.cache
def _data() -> dict[str, list[dict[str, Any]]]:
    file = importlib.resources.files(__package__).joinpath("tiles.toml")
    return tomllib.loads(file.read_text("utf-8"))


@functools.cache
def product_tiles() -> tuple[GemmTile, ...]:
    """Return the tiles of matrix products, from the largest to the smallest."""
    return tuple(GemmTile(*each["warps"], *each["tiles"]) for each in _data()["product"])


@functools.cache
def convolution_tiles() -> tuple[MatrixTile, ...]:
    """Return every tile that a convolution may be given."""
    found = (MatrixTile(*each["warps"], *each["tiles"]) for each in _data()["convolution"])
    return tuple(dict.fromkeys(found))


def fitting_tiles(channels: int, pixels: int) -> tuple[MatrixTile, ...]:
    """Return the tiles for a convolution, the best first.

    Args:
        channels: Output channels.
        pixels: Output pixels of all images.
    """
    found = []
    for each in _data()["convolution"]:
        tile = MatrixTile(*each["warps"], *each["tiles"])
        count = blocks(pixels, tile.rows) * blocks(channels, tile.columns)
        if channels <= each.get("channels", channels) and count >= each["blocks"]:
            found.append(tile)
    return tuple(found)
