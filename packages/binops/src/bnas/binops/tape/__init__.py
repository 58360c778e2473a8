"""Tapes: several operations on packed bits and floats, run by one compiled call.

A tape is a list of records: what to do, on which addresses, with which sizes. It is written once by
a `TapeBuilder`; `Tape.run` then needs one call for a whole network, allocates nothing, and spreads
images over threads. Values lie in an *arena* as the kernels like them: bits in planes
(`bnas.binops.table.planes`), floats as rows of pixels whose length is a multiple of the vector's.

`bnas.binops.Conv2d` runs a tape of two operations; a packed network is a tape of all its layers.
"""

from __future__ import annotations

from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.pointers import ARENA, Pointer
from bnas.binops.tape.tape import Tape

__all__ = ["ARENA", "Pointer", "Tape", "TapeBuilder"]
