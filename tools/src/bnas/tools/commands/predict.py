"""`bnas-tools predict`: what photos show."""

from __future__ import annotations

from pathlib import Path

import click

from bnas.tools.answers import Answer, answer, warm_up
from bnas.tools.document import print_document
from bnas.tools.networks import load_network, name_of
from bnas.tools.options import FilePath, json_option, model_option, weights_option
from bnas.tools.tables import print_table
from bnas.tools.units import confidence, milliseconds


@click.command(short_help="Tell what photos show.")
@click.argument("photos", nargs=-1, required=True, type=FilePath(), metavar="PHOTO...")
@model_option
@weights_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How many classes to tell, the likeliest first.",
)
@json_option
@click.pass_context
def predict(
    ctx: click.Context,
    photos: tuple[str, ...],
    model: str | None,
    weights: str | None,
    top: int,
    as_json: bool,
) -> None:
    """Tell what photos show: JPEG, PNG, WebP and others, of any size.

    The time is that of reading, resizing and classifying a photo, after one run that is not
    counted. A photo that cannot be read does not keep the others from an answer; the exit code is 1
    then.
    """
    from bnas.zoo import ImageError

    network = load_network(model, weights)
    warm_up(network)
    answers = []
    for photo in photos:
        try:
            answers.append(answer(network, Path(photo), top))
        except ImageError as error:
            click.echo(f"Error: {' '.join(str(error).split())}", err=True)
    if as_json:
        told = [each.to_dict() for each in answers]
        print_document({"model": name_of(network), "predictions": told})
    elif answers:
        _print(name_of(network), answers)
    if len(answers) < len(photos):
        ctx.exit(1)


def _print(model: str, answers: list[Answer]) -> None:
    """Print a row a class; the photo and its time stand in the first of its rows."""
    rows = [
        (
            "" if rank else click.format_filename(each.path),
            prediction.label,
            confidence(prediction.confidence),
            "" if rank else milliseconds(each.duration_ms),
        )
        for each in answers
        for rank, prediction in enumerate(each.top)
    ]
    print_table(model, ("photo", "label", "confidence", "ms"), rows, numbers="confidence ms")
