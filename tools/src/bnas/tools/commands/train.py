"""`bnas-tools train`: train a network."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import click

from bnas.tools.document import print_document
from bnas.tools.durations import Duration
from bnas.tools.extras import require
from bnas.tools.options import FilePath, ModelName, json_option
from bnas.tools.specifications import read_genotype, read_spec
from bnas.tools.tables import print_facts, progress_bar
from bnas.tools.training_bar import TrainingBar
from bnas.tools.units import NONE, percent

if TYPE_CHECKING:
    from bnas.cells import NetworkSpec
    from bnas.search import Recipe, RunOptions, TrainingData, TrainResult

_OPTIONS = (
    click.option(
        "--model",
        type=ModelName(),
        metavar="NAME",
        default="BNAS-Mini",
        show_default=True,
        help="The network: a name, or a specification's JSON file.",
    ),
    click.option(
        "--genotype",
        type=FilePath(),
        metavar="NAME_OR_FILE",
        help="Stack these cells instead of the network's own: a name, or a genotype's JSON file.",
    ),
    click.option(
        "--reduction-skip",
        type=click.Choice(["real", "binary", "pool"]),
        help="The skip of reduction cells, instead of the network's own.",
    ),
    click.option(
        "--activation",
        type=click.Choice(["relu", "rprelu"]),
        help="What follows a binary convolution, instead of the network's own.",
    ),
    click.option(
        "--data",
        type=FilePath(),
        metavar="DIR",
        required=True,
        help="A directory with a folder `train` of one folder a class.",
    ),
    click.option(
        "--recipe",
        type=FilePath(),
        metavar="NAME_OR_FILE",
        default="plus-cpu",
        show_default=True,
        help="How to train: a recipe's name, or a TOML file.",
    ),
    click.option(
        "--set",
        "changes",
        metavar="FIELD=VALUE",
        multiple=True,
        help="Change a field of the recipe, such as epochs=20 or seed=1; the value as in TOML.",
    ),
    click.option(
        "--budget",
        type=Duration(),
        metavar="TIME",
        help="As many epochs as fit into 30m, 2h, 90s …, by a measurement on this machine.",
    ),
    click.option(
        "--out",
        type=FilePath(),
        metavar="DIR",
        required=True,
        help="Where checkpoints and metrics go; training goes on from a checkpoint there.",
    ),
    click.option(
        "--holdout",
        type=click.IntRange(min=1),
        default=5000,
        show_default=True,
        metavar="N",
        help="Training images that are held out and measured on after every epoch.",
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
    click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1; a GPU if there is one."),
    click.option(
        "--time-limit",
        type=Duration(),
        metavar="TIME",
        help="Stop with a checkpoint after so long; the same command goes on from it.",
    ),
    click.option(
        "--compact",
        is_flag=True,
        help="Small checkpoints: bfloat16 moments, files of 16 MiB. Resuming is no longer exact.",
    ),
    click.option("--events", is_flag=True, help="Write TensorBoard events to DIR/events."),
    click.option(
        "--skip-corrupt", is_flag=True, help="Leave images out that cannot be decoded, and say so."
    ),
)


def _add_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(short_help="Train a network, or go on with training.")
@_add_options
@json_option
def train(
    model: str,
    data: str,
    recipe: str,
    changes: tuple[str, ...],
    budget: float | None,
    out: str,
    holdout: int,
    skip_corrupt: bool,
    as_json: bool,
    **others: Any,
) -> None:
    """Train a network, or go on with a run that was interrupted.

    The checkpoint that a finished run leaves is what `bnas-tools pack` takes. Under torchrun, all
    processes train one network.
    """
    require("train", "bnas.search")
    from bnas import search

    options, plan = _run_options(others), _changed_recipe(search.load_recipe(recipe), changes)
    spec = read_spec(model)
    images = _read_images(data, spec, plan, holdout, skip_corrupt)
    spec = _changed_spec(spec, others, len(images.train.classes))
    if budget is not None:
        plan = search.fit_to_budget(spec, plan, images, out, budget, options)
        click.echo(f"{plan.epochs} epochs fit into the budget", err=True)
    leads = os.environ.get("RANK", "0") == "0"
    with TrainingBar(plan.epochs) as bar:
        show = bar.show if leads else None
        result = search.train(spec, plan, images, out, options=options, progress=show)
    if not leads:
        return
    if as_json:
        print_document(_to_dict(result))
    else:
        print_facts(f"{model} trained with {recipe}", _facts(result))


def _read_images(
    data: str, spec: NetworkSpec, plan: Recipe, holdout: int, skip_corrupt: bool
) -> TrainingData:
    """Read and split the photos; a bar shows how far it is, and a line names what is left out."""
    from bnas import search

    colours = search.CIFAR if spec.template == "cifar" else search.IMAGENET
    with progress_bar() as bar:
        task = bar.add_task("reading photos", total=None)
        images = search.load_training_data(
            data,
            holdout=holdout,
            seed=plan.seed,
            normalization=colours,
            skip_corrupt=skip_corrupt,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for path in images.train.skipped:
        click.echo(f"left out: {path} cannot be decoded", err=True)
    return images


def _run_options(others: dict[str, Any]) -> RunOptions:
    from bnas.search import RunOptions

    compact = others["compact"]
    return RunOptions(
        device=others["device"],
        time_limit_s=others["time_limit"],
        initial=others["initial"],
        teacher=others["teacher"],
        compact=compact,
        part_bytes=2**24 if compact else None,
        event_log=others["events"],
        curves=True,
    )


def _changed_recipe(recipe: Recipe, changes: tuple[str, ...]) -> Recipe:
    from bnas.search import changed

    return changed(recipe, changes)


def _changed_spec(spec: NetworkSpec, others: dict[str, Any], num_classes: int) -> NetworkSpec:
    """Return the network with what the options ask for and a logit for each class."""
    fields: dict[str, Any] = {
        name: others[name] for name in ("reduction_skip", "activation") if others[name]
    }
    if others["genotype"] is not None:
        fields["genotype"] = read_genotype(others["genotype"])
    return attrs.evolve(spec, num_classes=num_classes, **fields)


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
