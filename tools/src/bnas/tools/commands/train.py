"""`bnas-tools train`: train a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from bnas.tools.document import print_document
from bnas.tools.extras import require
from bnas.tools.options import FilePath, ModelName, json_option
from bnas.tools.specifications import read_genotype, read_spec
from bnas.tools.tables import print_facts
from bnas.tools.training_bar import TrainingBar
from bnas.tools.units import NONE, percent

if TYPE_CHECKING:
    from bnas.cells import NetworkSpec
    from bnas.search import TrainResult


@click.command(short_help="Train a network, or go on with training.")
@click.option(
    "--model",
    type=ModelName(),
    metavar="NAME",
    default="BNAS-Mini",
    show_default=True,
    help="The network: a name, or a specification's JSON file.",
)
@click.option(
    "--genotype",
    type=FilePath(),
    metavar="NAME_OR_FILE",
    help="Stack these cells instead of the network's own: a name, or a genotype's JSON file.",
)
@click.option(
    "--data",
    type=FilePath(),
    metavar="DIR",
    required=True,
    help="A directory with a folder `train` of one folder a class.",
)
@click.option(
    "--recipe",
    type=FilePath(),
    metavar="NAME_OR_FILE",
    default="cpu-first",
    show_default=True,
    help="How to train: a recipe's name, or a TOML file.",
)
@click.option(
    "--out",
    type=FilePath(),
    metavar="DIR",
    required=True,
    help="Where checkpoints and metrics go. If there is a checkpoint, training goes on from it.",
)
@click.option(
    "--holdout",
    type=click.IntRange(min=1),
    default=5000,
    show_default=True,
    metavar="N",
    help="Training images that are held out and measured on after every epoch.",
)
@click.option(
    "--time-limit",
    "time_limit_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stop with a checkpoint after so long; the same command goes on from it.",
)
@json_option
def train(
    model: str,
    genotype: str | None,
    data: str,
    recipe: str,
    out: str,
    holdout: int,
    time_limit_s: float | None,
    as_json: bool,
) -> None:
    """Train a network, or go on with a run that was interrupted.

    The checkpoint that a finished run leaves is what `bnas-tools pack` takes.
    """
    require("train", "bnas.search")
    from bnas import search

    spec, plan = read_spec(model), search.load_recipe(recipe)
    colours = search.CIFAR if spec.template == "cifar" else search.IMAGENET
    images = search.load_training_data(data, holdout=holdout, seed=plan.seed, normalization=colours)
    spec = _changed(spec, genotype, len(images.train.classes))
    with TrainingBar(plan.epochs) as bar:
        result = search.train(spec, plan, images, out, time_limit_s=time_limit_s, progress=bar.show)
    if as_json:
        print_document(_to_dict(result))
    else:
        print_facts(f"{model} trained with {recipe}", _facts(result))


def _changed(spec: NetworkSpec, genotype: str | None, num_classes: int) -> NetworkSpec:
    """Return the network with the cells that are asked for and a logit for each class."""
    wiring = spec.genotype if genotype is None else read_genotype(genotype)
    return attrs.evolve(spec, genotype=wiring, num_classes=num_classes)


def _to_dict(result: TrainResult) -> dict[str, object]:
    return {
        "completed": result.completed,
        "epochs": len(result.history),
        "holdout_top1": None if result.holdout is None else result.holdout.top1,
        "checkpoint": str(result.checkpoint),
        "history": [epoch.to_dict() for epoch in result.history],
    }


def _facts(result: TrainResult) -> list[tuple[str, str]]:
    holdout = NONE if result.holdout is None else percent(result.holdout.top1)
    state = "finished" if result.completed else "stopped; the same command goes on from here"
    return [
        ("state", state),
        ("epochs", str(len(result.history))),
        ("top-1 on held-out images", holdout),
        ("checkpoint", str(result.checkpoint)),
    ]
