"""`bnas-tools publish`: enter a finished training into a checkout's zoo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bnas.tools.document import print_document
from bnas.tools.evaluation_bar import evaluation_bar
from bnas.tools.extras import require
from bnas.tools.options import FilePath, ModelName, json_option, machine_option
from bnas.tools.tables import print_facts
from bnas.tools.units import megabytes, percent

if TYPE_CHECKING:
    from bnas.zoo.index import Home


@click.command(short_help="Pack, measure and enter trained weights into the zoo.")
@click.argument("checkpoint", type=FilePath(), metavar="CKPT")
@click.option("--model", type=ModelName(), required=True, help="The model's name in the zoo.")
@click.option("--tag", required=True, help="Name of these weights: lower case, digits and '-'.")
@click.option(
    "--data",
    type=FilePath(directory=True),
    metavar="DIR",
    required=True,
    help="Test photos, a folder a class.",
)
@click.option("--dataset", required=True, help="What the network was trained and measured on.")
@click.option("--recipe", required=True, help="Name of the training's recipe.")
@click.option(
    "--version",
    default="1",
    show_default=True,
    help="Version of the weights of this tag; another one for every other file.",
)
@click.option("--notes", default="", help="What else one should know.")
@click.option(
    "--home",
    type=click.Choice(["weights", "wheel"]),
    default="weights",
    show_default=True,
    help="Where the file goes: the checkout's folder `weights`, or the wheel of bnas-zoo.",
)
@click.option(
    "--keep-default",
    is_flag=True,
    help="Let the model's name alone mean the weights that it meant before.",
)
@machine_option
@json_option
def publish(
    checkpoint: str,
    model: str,
    data: str,
    home: Home,
    keep_default: bool,
    machine: str | None,
    as_json: bool,
    **provenance: str,
) -> None:
    """Enter the final checkpoint of `bnas-tools train` into the zoo of this checkout.

    Packs it with real parameters in float16, measures the packed network on the test photos and
    its latency on this machine, and writes weights, card and index.
    """
    require("publish", "torch")
    from bnas.zoo.publishing import Provenance, publish

    with evaluation_bar() as show:
        entry = publish(
            checkpoint,
            model,
            data,
            Provenance(**provenance),
            home=home,
            default=not keep_default,
            machine=machine,
            progress=show,
        )
    card = entry.card
    if as_json:
        print_document(card.to_dict())
        return
    print_facts(
        f"{card.full_name} is in the zoo",
        [
            ("top-1", percent(card.top1)),
            ("top-5", percent(card.top5)),
            ("file", str(entry.file)),
            ("size", megabytes(card.size_bytes)),
            ("as float32", megabytes(card.float_size_bytes)),
            ("sha256", str(card.sha256)),
        ],
    )
