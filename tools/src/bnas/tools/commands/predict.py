"""`bnas-tools predict`: what photos show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bnas.tools.answers import Answer, answer, warm_up
from bnas.tools.document import print_document
from bnas.tools.networks import known_as, load_network, name_of
from bnas.tools.options import FilePath, json_option, model_option, weights_option
from bnas.tools.stopped import Stopped
from bnas.tools.tables import print_facts, print_table, progress_bar
from bnas.tools.units import confidence, count, milliseconds

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork
    from bnas.zoo.answering import Classify


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
@click.option(
    "-o",
    "--out",
    type=FilePath(),
    metavar="FILE",
    help="Write the answers to NAME.jsonl, or to Parquet files in NAME.parquet, as they come; then "
    "PHOTO may be a directory. Photos that have an answer there already are left.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --out, photos at once.  [default: 64]",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="With --out, who classifies: this machine, or the cluster of Ray Data that RAY_ADDRESS "
    "names, whose machines see the same photos.",
)
@json_option
@click.pass_context
def predict(
    ctx: click.Context,
    photos: tuple[str, ...],
    model: str | None,
    weights: str | None,
    top: int,
    out: str | None,
    batch_size: int | None,
    engine: str,
    as_json: bool,
) -> None:
    """Tell what photos show: JPEG, PNG, WebP and others, of any size.

    The time is that of reading, resizing and classifying a photo, after one run that is not
    counted. A photo that cannot be read does not keep the others from an answer; the exit code is 1
    then. With --out, directories of any size go to a file, and a run that was interrupted goes on.
    """
    from bnas.zoo import ImageError

    if out is None and batch_size is not None:
        raise click.UsageError("--batch-size is of --out")
    if out is None and engine != "local":
        raise click.UsageError(f"--engine {engine} is of --out")
    network = load_network(model, weights)
    if out is not None:
        known = known_as(network, model, weights)
        classify = _classify(network, known, engine, (top, batch_size or 64))
        if not _write(classify, known, photos, out, as_json):
            ctx.exit(1)
        return
    warm_up(network)
    answers = []
    for photo in photos:
        try:
            answers.append(answer(network, Path(photo), top))
        except ImageError as error:
            click.echo(_line(error), err=True)
    if as_json:
        told = [each.to_dict() for each in answers]
        print_document({"model": name_of(network), "predictions": told})
    elif answers:
        _print(name_of(network), answers)
    if len(answers) < len(photos):
        ctx.exit(1)


def _classify(network: PackedNetwork, model: str, engine: str, sizes: tuple[int, int]) -> Classify:
    """Return what gives the answers."""
    from bnas.zoo.answering import AnsweringOptions, classified

    top, batch_size = sizes
    options = AnsweringOptions(top=top, batch_size=batch_size)
    if engine == "ray":
        from bnas.tools.ray_answers import classify_on_ray

        return classify_on_ray(network, model, options)
    warm_up(network)
    return lambda photos: classified(network, photos, model, options)


def _write(
    classify: Classify, model: str, photos: tuple[str, ...], out: str, as_json: bool
) -> bool:
    """Write the answers to a file; returns whether all photos could be read."""
    from bnas.zoo import ImageError
    from bnas.zoo.answering import Answered, answer_photos

    with progress_bar("{task.fields[speed]:.0f} images/s") as bar:
        task = bar.add_task("classifying", total=None, speed=0.0)

        def show(so_far: Answered) -> None:
            bar.update(task, total=so_far.photos, completed=so_far.done, speed=so_far.images_per_s)

        def tell(error: ImageError) -> None:
            bar.console.print(_line(error), soft_wrap=True)

        try:
            found = answer_photos(classify, photos, out, model=model, progress=show, failed=tell)
        except KeyboardInterrupt:
            raise Stopped.keeping(out) from None
    if as_json:
        facts = {"photos": found.done, "before": found.before, "failed": found.failed}
        speed = {"seconds": round(found.seconds, 3), "images_per_s": round(found.images_per_s, 3)}
        print_document({"model": model, "out": out, **facts, **speed})
    else:
        print_facts(
            f"{model} to {click.format_filename(out)}",
            [
                ("photos", count(found.done)),
                ("had an answer before", count(found.before)),
                ("cannot be read", count(found.failed)),
                ("images/s", f"{found.images_per_s:.1f}"),
            ],
        )
    return not found.failed


def _line(error: Exception) -> str:
    return f"Error: {' '.join(str(error).split())}"


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
