"""`bnas-tools evaluate`: the accuracy of a packed network."""

from __future__ import annotations

import click

from bnas.tools.document import print_document
from bnas.tools.evaluation_bar import evaluation_bar
from bnas.tools.networks import load_network, name_of
from bnas.tools.options import FilePath, ModelName, json_option, weights_option
from bnas.tools.tables import print_facts
from bnas.tools.units import count, percent


@click.command(short_help="Measure accuracy over a directory of photos.")
@click.argument("model", type=ModelName(), metavar="MODEL_OR_FILE")
@click.option(
    "--data",
    type=FilePath(),
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
@weights_option
@json_option
def evaluate(
    model: str, data: str, limit: int | None, batch_size: int, weights: str | None, as_json: bool
) -> None:
    """Measure the accuracy of a packed network over a directory of photos.

    A folder's name is the name of its class, as the model's card has them; where the weights name
    no classes, the folders in alphabetical order are classes 0, 1 and so on.
    """
    from bnas.zoo.evaluate import evaluate as measure

    network = load_network(model, weights)
    with evaluation_bar() as show:
        result = measure(network, data, batch_size=batch_size, limit=limit, progress=show)
    if as_json:
        print_document(
            {
                "model": name_of(network),
                "data": data,
                "images": result.images,
                "top1": result.top1,
                "top5": result.top5,
                "seconds": round(result.seconds, 3),
                "images_per_s": round(result.images_per_s, 3),
            }
        )
        return
    print_facts(
        f"{name_of(network)} on {click.format_filename(data)}",
        [
            ("photos", count(result.images)),
            ("top-1", percent(result.top1)),
            ("top-5", percent(result.top5)),
            ("images/s", f"{result.images_per_s:.1f}"),
        ],
    )
