"""Every table and figure of the supplement of ECCV 2020 BNAS, made anew by one command.

A target makes a `Section` from what it counts, draws, times and trains; a page is made of sections.
Nothing here holds a result: published figures apart, every number on a page comes from the run.
"""

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.errors import (
    DestinationError,
    ReproduceError,
    ScaleError,
    UnfinishedError,
)
from bnas.tools.reproduce.page import write_page
from bnas.tools.reproduce.scale import SCALES, Scale, load_scale
from bnas.tools.reproduce.section import Picture, Section, Table
from bnas.tools.reproduce.targets import (
    ALL,
    TARGETS,
    full_command,
    make_section,
    targets_of,
)

__all__ = [
    "ALL",
    "SCALES",
    "TARGETS",
    "Context",
    "DestinationError",
    "Picture",
    "ReproduceError",
    "Scale",
    "ScaleError",
    "Section",
    "Table",
    "UnfinishedError",
    "full_command",
    "load_scale",
    "make_section",
    "targets_of",
    "write_page",
]
