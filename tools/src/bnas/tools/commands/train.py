"""`bnas-tools train`: train a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bnas.tools.document import print_document
from bnas.tools.extras import require
from bnas.tools.options import json_option
from bnas.tools.runs import Interrupted, leads, reading_photos, tell, tell_skipped
from bnas.tools.specifications import read_genotype, read_spec
from bnas.tools.tables import print_facts
from bnas.tools.training_bar import TrainingBar
from bnas.tools.training_options import training_options
from bnas.tools.units import NONE, percent

if TYPE_CHECKING:
    from bnas.cells import Spec
    from bnas.search import RunOptions, TrainingData, TrainResult


@click.command(short_help="Train a network, or go on with training.")
@training_options
@json_option
def train(as_json: bool, **asked: Any) -> None:
    """Train a network, or go on with a run that was interrupted.

    The checkpoint that a finished run leaves is what `bnas-tools pack` takes. Under torchrun, all
    processes train one network.
    """
    require("train", "bnas.search")
    try:
        result = _train(asked)
    except KeyboardInterrupt:
        raise Interrupted(asked["out_dir"]) from None
    if not leads():
        return
    if as_json:
        print_document(_to_dict(result))
    else:
        print_facts(f"{asked['model']} trained with {asked['recipe']}", _facts(result))


def _train(asked: dict[str, Any]) -> TrainResult:
    from bnas import search

    options = _run_options(asked)
    plan = search.changed(search.load_recipe(asked["recipe"]), asked["changes"])
    spec = read_spec(asked["model"])
    images = _read_images(asked, spec)
    spec = _changed_spec(spec, asked, len(images.train.classes))
    out_dir, budget_s = asked["out_dir"], asked["budget_s"]
    if budget_s is not None:
        plan = search.fit_to_budget(spec, plan, images, out_dir, budget_s, options)
        tell(f"epochs that fit into the budget: {plan.epochs}")
    pixels = [(plan.side_at(epoch) or 1) ** 2 for epoch in range(plan.epochs)]
    with TrainingBar(plan.epochs, pixels) as bar:
        return search.train(spec, plan, images, out_dir, options=options, progress=bar.show)


def _read_images(asked: dict[str, Any], spec: Spec) -> TrainingData:
    from bnas import cells, search

    with reading_photos() as progress:
        images = search.load_training_data(
            asked["data"],
            holdout=asked["holdout"],
            normalization=cells.NORMALIZATIONS[spec.template],
            skip_corrupt=asked["skip_corrupt"],
            progress=progress,
        )
    tell_skipped(images.train.skipped)
    return images


def _run_options(asked: dict[str, Any]) -> RunOptions:
    from bnas.search import RunOptions

    compact = asked["compact"]
    return RunOptions(
        device=asked["device"],
        time_limit_s=asked["time_limit_s"],
        initial=asked["initial"],
        teacher=asked["teacher"],
        compact=compact,
        part_bytes=2**24 if compact else None,
        event_log=asked["events"],
        curves=True,
        gradient_log=asked["gradients"],
        cuda_graphs=asked["cuda_graphs"],
    )


def _changed_spec(spec: Spec, asked: dict[str, Any], num_classes: int) -> Spec:
    """Return the network with what the options ask for and a logit for each class."""
    from bnas import cells

    names = ("num_cells", "channels", "skip", "reduction_skip", "activation")
    fields: dict[str, Any] = {name: asked[name] for name in names if asked[name]}
    if asked["genotype"] is not None:
        fields["genotype"] = read_genotype(asked["genotype"])
    changed: Spec = cells.changed(spec, num_classes=num_classes, **fields)
    return changed


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
