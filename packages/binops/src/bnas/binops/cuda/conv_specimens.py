"""The convolution kernels as compile checks see them: every shape of tile, every output."""

from __future__ import annotations

from numba import types

from bnas.binops.cuda.conv_outputs import OutputKind
from bnas.binops.cuda.launch import CAPABILITIES, Specimen
from bnas.binops.cuda.matrix_conv import matrix_conv_kernel
from bnas.binops.cuda.matrix_shape import MatrixConv, MatrixTile
from bnas.binops.cuda.popcount_conv import PopcountConv, popcount_conv_kernel
from bnas.binops.cuda.tiles import convolution_tiles

_WORDS, _INTEGERS, _FLOATS = (
    types.Array(kind, 1, "C") for kind in (types.uint32, types.int32, types.float32)
)
SIGNATURE = (types.int32, _WORDS, _WORDS, _INTEGERS, _FLOATS, _WORDS, _FLOATS, _INTEGERS)

#: What networks and the public functions ask for, by name.
KINDS = {
    "counts": OutputKind(counts=True, bits=0, activation="", adds=False, packs=0, is_planar=True),
    "bits": OutputKind(counts=False, bits=1, activation="", adds=False, packs=0),
    "two-bits": OutputKind(counts=False, bits=2, activation="", adds=False, packs=0),
    "stream": OutputKind(counts=False, bits=0, activation="relu", adds=True, packs=2),
    "rprelu": OutputKind(counts=False, bits=1, activation="rprelu", adds=True, packs=1),
}


def specimens() -> list[Specimen]:
    """Return the kernels."""
    # Tiles that differ in the number of warps alone are the same code but for the strides of loops.
    shapes = {(t.row_tiles, t.column_tiles): t for t in convolution_tiles()}
    tiles = {f"{t.rows}x{t.columns}": t for t in shapes.values()}
    most = max(tiles, key=lambda name: tiles[name].rows * tiles[name].columns)
    chosen = [(name, "bits") for name in tiles] + [(most, kind) for kind in KINDS if kind != "bits"]
    found = []
    for name, kind in chosen:
        for is_xor in (False, True):
            found.append(_matrix(tiles[name], name, kind, is_xor))
    for is_grouped in (False, True):
        found.append(_popcount(is_grouped))
    return found


def _matrix(tile: MatrixTile, name: str, kind: str, is_xor: bool) -> Specimen:
    conv = MatrixConv(
        tile=tile, words=4, range_pixels=192, is_xor=is_xor, outputs=KINDS[kind]
    )  # 192: 128 outputs of a 3x3 convolution over rows of 28 pixels.
    operation = "xor" if is_xor else "and"
    return Specimen(
        f"matrix_conv {operation} {name} {kind}",
        matrix_conv_kernel(conv),
        SIGNATURE,
        {(7, 5): "BMMA.88128.XOR"} if is_xor else dict.fromkeys([(8, 0), (9, 0)], "BMMA.168256"),
        most_registers=168,
    )


def _popcount(is_grouped: bool) -> Specimen:
    conv = PopcountConv(words=2, group_words=2, is_grouped=is_grouped, outputs=KINDS["rprelu"])
    return Specimen(
        f"popcount_conv {'groups' if is_grouped else 'one group'}",
        popcount_conv_kernel(conv),
        SIGNATURE,
        dict.fromkeys(CAPABILITIES, "POPC"),
        most_registers=128,
    )
