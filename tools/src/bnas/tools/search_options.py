"""The options of `bnas-tools search`; a parameter has the name that the Python API gives it."""

from __future__ import annotations

import click

from bnas.tools import known_names
from bnas.tools.options import FilePath, NameOrFile
from bnas.tools.run_options import (
    Option,
    cuda_graphs_option,
    device_option,
    events_option,
    set_option,
    skip_corrupt_option,
    time_limit_option,
    with_options,
)
from bnas.tools.sweep import Seeds

_OPTIONS = (
    click.option(
        "--out",
        "out_dir",
        type=FilePath(directory=True),
        metavar="DIR",
        required=True,
        help="Where the cells, the report and checkpoints go; a search goes on from one there.",
    ),
    click.option(
        "--data",
        type=FilePath(directory=True),
        metavar="DIR",
        help="A directory with a folder `train` of one folder a class.  [default: a bundled sample "
        "of 600 images, for a demonstration]",
    ),
    click.option(
        "--recipe",
        type=NameOrFile(known_names.search_recipes),
        metavar="NAME_OR_FILE",
        help="How to search: a recipe's name, or a TOML file.  [default: paper-search; without "
        "--data demo-search]",
    ),
    click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of everything random."),
    click.option(
        "--seeds",
        type=Seeds(),
        metavar="N-M",
        default=(),
        help="Search with each of these seeds, such as 0-3 or 0,5, each in a directory below DIR.",
    ),
    set_option(
        "Change a field of the recipe, such as epochs=20 or entropy_weight=0; the value as in "
        "TOML. Several values, such as entropy_weight=0,1, are several searches."
    ),
    click.option(
        "--order",
        type=click.Choice(["1", "2"]),
        help="Of the architecture's gradient; 2 looks a step of the weights ahead.",
    ),
    click.option("--no-zeroise", is_flag=True, help="Search without Zeroise."),
    click.option("--no-skip", is_flag=True, help="Search without skips between cells."),
    device_option,
    cuda_graphs_option,
    click.option(
        "--deterministic", is_flag=True, help="On a GPU, only what gives the same bits twice."
    ),
    time_limit_option,
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        default=1,
        show_default=True,
        help="Of several searches, how many run at once.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["processes", "ray"]),
        default="processes",
        show_default=True,
        help="What runs several searches: processes of this machine, or Ray Tune on a cluster "
        "(RAY_ADDRESS) or here.",
    ),
    events_option,
    skip_corrupt_option,
)


#: Adds all options of `bnas-tools search` but ``--json``.
search_options: Option = with_options(_OPTIONS)
