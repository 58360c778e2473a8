"""`bnas-tools evaluate`: the accuracy of a packed network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bnas.tools import known_names
from bnas.tools.document import print_document
from bnas.tools.evaluation_bar import evaluation_bar
from bnas.tools.extras import require
from bnas.tools.networks import known_as, load_network, name_of
from bnas.tools.options import FilePath, ModelName, json_option, weights_option
from bnas.tools.saving import check_folder
from bnas.tools.stopped import Stopped
from bnas.tools.tables import print_facts
from bnas.tools.torchrun import rank_and_processes, threads_of_each
from bnas.tools.units import count, percent

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork
    from bnas.zoo.engines import Engine
    from bnas.zoo.evaluate import Evaluation

#: Pairs of classes that ``--json`` tells as confused most often.
_CONFUSED = 10


@click.command(short_help="Measure accuracy over a directory of photos.")
@click.argument("model", type=ModelName(known_names.weights), metavar="MODEL_OR_FILE")
@click.option(
    "--data",
    type=FilePath(directory=True),
    metavar="DIR",
    required=True,
    help="Photos in one folder a class.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many photos, spread evenly over all of them.",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=64, show_default=True, metavar="N",
    help="Photos at once.",
)  # fmt: skip
@click.option(
    "--engine",
    type=click.Choice(["packed", "torch"]),
    default="packed",
    show_default=True,
    help="What computes the answers; photos are prepared alike.",
)
@click.option(
    "-o",
    "--out",
    type=FilePath(),
    metavar="FILE",
    help="Keep the answers in NAME.jsonl, or in Parquet files in NAME.parquet, as they come. "
    "Photos that have an answer there already are left.",
)
@click.option(
    "--confusion",
    type=FilePath(),
    metavar="FILE",
    help="Draw which classes are taken for which; the name ends in .png, .svg or .pdf.",
)
@weights_option
@json_option
def evaluate(
    model: str,
    data: str,
    limit: int | None,
    batch_size: int,
    engine: str,
    out: str | None,
    confusion: str | None,
    weights: str | None,
    as_json: bool,
) -> None:
    """Measure the accuracy of a packed network over a directory of photos.

    A folder's name is the name of its class, as the model's card has them; where the weights name
    no classes, the folders in alphabetical order are classes 0, 1 and so on.

    With --out, a run that was interrupted goes on, and several processes started by torchrun share
    the photos.
    """
    if confusion is not None:
        from bnas.tools.confusion_picture import check_picture_name

        check_picture_name("--confusion", confusion)
        check_folder(confusion)
    if engine == "torch":
        require("evaluate --engine torch", "torch")
    rank, processes = rank_and_processes()
    if processes > 1 and out is None:
        raise click.UsageError("several processes share the photos by way of --out FILE")
    network = load_network(model, weights)
    known = known_as(network, model, weights) + (", torch" if engine == "torch" else "")
    result = _measure(
        network,
        data,
        (limit, batch_size),
        _engine(network, engine),
        None if out is None else {"out": out, "model": known, "rank": rank, "processes": processes},
    )
    if rank:
        return  # The leading process tells it.
    if as_json:
        print_document(_document(network, data, engine, result))
    else:
        _print(network, data, result, {"answers": out, "confusion": confusion})
    if confusion is not None:
        from bnas.tools.confusion_picture import draw_confusion

        subtitle = f"{count(result.images)} photos, top-1 {percent(result.top1)}"
        title = f"{known} on {click.format_filename(data)}"
        draw_confusion(result.tally, network.label, confusion, title=title, subtitle=subtitle)


def _measure(
    network: PackedNetwork,
    data: str,
    sizes: tuple[int | None, int],
    engine: Engine,
    kept: dict[str, Any] | None,
) -> Evaluation:
    from bnas.zoo.evaluate import evaluate as measure
    from bnas.zoo.shared_answers import SharedAnswers

    answers = None if kept is None else SharedAnswers(**kept)
    with evaluation_bar(shown=answers is None or answers.leads) as show:
        try:
            limit, batch_size = sizes
            return measure(
                network,
                data,
                batch_size=batch_size,
                limit=limit,
                engine=engine,
                answers=answers,
                progress=show,
            )
        except KeyboardInterrupt:
            if answers is None:
                raise
            raise Stopped.keeping(answers.out) from None


def _engine(network: PackedNetwork, name: str) -> Engine:
    from bnas.zoo.engines import torch_engine

    if name == "torch":
        return torch_engine(network)
    return partial(network, threads=threads_of_each())


def _document(network: PackedNetwork, data: str, engine: str, result: Evaluation) -> dict[str, Any]:
    return {
        "model": name_of(network),
        "data": data,
        "engine": engine,
        "images": result.images,
        "before": result.before,
        "top1": result.top1,
        "top5": result.top5,
        "seconds": round(result.seconds, 3),
        "images_per_s": round(result.images_per_s, 3) if result.seconds else None,
        "confused": [
            {
                "class": network.label(each.label),
                "answer": network.label(each.answer),
                "images": each.images,
            }
            for each in result.tally.confused(_CONFUSED)
        ],
    }


def _print(
    network: PackedNetwork, data: str, result: Evaluation, files: dict[str, str | None]
) -> None:
    facts = [
        ("photos", count(result.images)),
        ("top-1", percent(result.top1)),
        ("top-5", percent(result.top5)),
    ]
    if result.before:
        facts.append(("had an answer before", count(result.before)))
    if result.images > result.before:
        facts.append(("images/s", f"{result.images_per_s:.1f}"))
    facts += [(name, click.format_filename(file)) for name, file in files.items() if file]
    print_facts(f"{name_of(network)} on {click.format_filename(data)}", facts)
