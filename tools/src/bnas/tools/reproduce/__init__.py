"""Every table and figure of the supplement of ECCV 2020 BNAS, made anew by one command.

A target makes a `Section` from what it counts, draws, times and trains; a page is made of sections.
Nothing here holds a result: published figures apart, every number on a page comes from the run.
"""

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.errors import ReproduceError, ScaleError
from bnas.tools.reproduce.page import write_page
from bnas.tools.reproduce.scale import SCALES, Scale, load_scale
from bnas.tools.reproduce.section import Picture, Section, Table
from bnas.tools.reproduce.targets import ALL, TARGETS, make_section

__all__ = [
    "ALL",
    "SCALES",
    "TARGETS",
    "Context",
    "Picture",
    "ReproduceError",
    "Scale",
    "ScaleError",
    "Section",
    "Table",
    "load_scale",
    "make_section",
    "write_page",
]
