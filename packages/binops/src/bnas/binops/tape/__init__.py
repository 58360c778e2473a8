"""Tapes: several operations on packed bits and floats, run by one compiled call.

A tape is a list of records: what to do, on which addresses, with which sizes. It is written once by
a `TapeBuilder`; `Tape.run` then needs one call for a whole network, allocates nothing, and spreads
images over threads. Values lie in an *arena* as the kernels like them: bits in planes
(`bnas.binops.table.planes`), floats as rows of pixels whose length is a multiple of the vector's.

`bnas.binops.Conv2d` runs a tape of two operations; a packed network is a tape of all its layers.
"""

from __future__ import annotations

from bnas.binops.geometry import ConvGeometry, conv_geometry
from bnas.binops.table.isa import Isa
from bnas.binops.table.planes import GROUP, MARGIN, PlaneLayout, layout_for
from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.convolution import (
    MAX_DOT_LENGTH,
    ConvWriter,
    add_stage,
)
from bnas.binops.tape.operations import (
    Rows,
    add_float,
    add_linear,
    add_pack,
    add_pool,
    add_pool_bits,
    add_reader,
    add_restage,
    add_unpack,
)
from bnas.binops.tape.plane_set import PlaneSet, add_planes
from bnas.binops.tape.pointers import ARENA, FIXED, PORT, Pointer
from bnas.binops.tape.real_convolution import add_real_conv
from bnas.binops.tape.records import Float
from bnas.binops.tape.sliced_convolution import planes_read
from bnas.binops.tape.tape import Tape, best_isa, load_operations
from bnas.binops.tape.window import Window

__all__ = [
    "ARENA",
    "FIXED",
    "GROUP",
    "MARGIN",
    "MAX_DOT_LENGTH",
    "PORT",
    "ConvGeometry",
    "ConvWriter",
    "Float",
    "Isa",
    "PlaneLayout",
    "PlaneSet",
    "Pointer",
    "Rows",
    "Tape",
    "TapeBuilder",
    "Window",
    "add_float",
    "add_linear",
    "add_pack",
    "add_planes",
    "add_pool",
    "add_pool_bits",
    "add_reader",
    "add_real_conv",
    "add_restage",
    "add_stage",
    "add_unpack",
    "best_isa",
    "conv_geometry",
    "layout_for",
    "load_operations",
    "planes_read",
]
