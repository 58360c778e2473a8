"""The options of `bnas-tools train`.

A parameter has the name that the Python API gives it: see `bnas.tools.group` for what that is good
for.
"""

from __future__ import annotations

import click

from bnas.tools import known_names
from bnas.tools.durations import Duration
from bnas.tools.options import FilePath, ModelName, NameOrFile
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

_OPTIONS = (
    click.option(
        "--model",
        type=ModelName(known_names.baselines, known_names.float_twins),
        metavar="NAME",
        default="BNAS-Mini",
        show_default=True,
        help="The network: a name such as BNAS-A, Bi-Real-18 or BNAS-A.float (its float twin), or "
        "a specification's JSON file.",
    ),
    click.option(
        "--genotype",
        type=NameOrFile(known_names.genotypes),
        metavar="NAME_OR_FILE",
        help="Stack these cells instead of the network's own: a name, or a genotype's JSON file.",
    ),
    click.option(
        "--cells",
        "num_cells",
        type=click.IntRange(min=1),
        metavar="N",
        help="Stack so many cells, instead of the network's own number.",
    ),
    click.option(
        "--channels",
        type=click.IntRange(min=1),
        metavar="N",
        help="Channels of a node in the first cell, instead of the network's own.",
    ),
    click.option(
        "--skip",
        type=click.Choice(["none", "previous", "both"]),
        help="The skips between cells, instead of the network's own.",
    ),
    click.option(
        "--reduction-skip",
        type=click.Choice(["real", "binary", "pool"]),
        help="The skip of reduction cells, instead of the network's own.",
    ),
    click.option(
        "--activation",
        type=click.Choice(["none", "relu", "rprelu"]),
        help="What follows a binary convolution, instead of the network's own.",
    ),
    click.option(
        "--data",
        type=FilePath(directory=True),
        metavar="DIR",
        required=True,
        help="A directory with a folder `train` of one folder a class.",
    ),
    click.option(
        "--recipe",
        type=NameOrFile(known_names.recipes),
        metavar="NAME_OR_FILE",
        default="plus-cpu",
        show_default=True,
        help="How to train: a recipe's name, or a TOML file.",
    ),
    set_option("Change a field of the recipe, such as epochs=20 or seed=1; the value as in TOML."),
    click.option(
        "--budget",
        "budget_s",
        type=Duration(),
        metavar="TIME",
        help="As many epochs as fit into 30m, 2h, 90s …, by a measurement on this machine.",
    ),
    click.option(
        "--out",
        "out_dir",
        type=FilePath(directory=True),
        metavar="DIR",
        required=True,
        help="Where checkpoints and metrics go; training goes on from a checkpoint there.",
    ),
    click.option(
        "--holdout",
        type=click.IntRange(min=1),
        metavar="N",
        help="Training images that are held out and measured on after every epoch.  "
        "[default: 5000, or a tenth of them where that is less]",
    ),
    click.option(
        "--initial",
        type=FilePath(),
        metavar="FILE",
        help="Begin with the weights of this final checkpoint: the second of two stages.",
    ),
    click.option(
        "--teacher",
        type=FilePath(),
        metavar="FILE",
        help="Learn from the logits of this final checkpoint too (`distillation_weight`).",
    ),
    device_option,
    time_limit_option,
    click.option(
        "--compact",
        is_flag=True,
        help="Small checkpoints: bfloat16 moments, files of 16 MiB. Resuming is no longer exact.",
    ),
    cuda_graphs_option,
    events_option,
    click.option(
        "--gradients",
        is_flag=True,
        help="Record the sum of |gradient| of every convolution, epoch by epoch, in "
        "DIR/gradients.csv.",
    ),
    skip_corrupt_option,
)


#: Adds all options of `bnas-tools train` but ``--json``.
training_options: Option = with_options(_OPTIONS)
