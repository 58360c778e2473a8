"""A packed network as one C99 file, for machines without Python: `c_source`.

The file holds weights, kernels and a plan of the memory; nothing else is needed to compile and run
it. Its steps are those of the program that runs here (`bnas.zoo.program`), its bits the same.
"""

from bnas.zoo.c_export.source import CSource, c_source

__all__ = ["CSource", "c_source"]
