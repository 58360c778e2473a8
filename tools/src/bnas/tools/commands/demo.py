"""`bnas-tools demo`: the bundled photos, named by the default model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnas.tools.answers import Answer, answer, warm_up
from bnas.tools.document import print_document
from bnas.tools.networks import load_network, name_of
from bnas.tools.options import FilePath, json_option, weights_option
from bnas.tools.tables import print_facts, print_table
from bnas.tools.units import confidence, megabytes, milliseconds, times

if TYPE_CHECKING:
    from rich.text import Text

    from bnas.zoo import PackedNetwork
    from bnas.zoo.photos import Photo

_Answered = list[tuple["Photo", Answer]]


@click.command(short_help="Name the bundled photos, and save a picture of it.")
@click.option(
    "--out",
    type=FilePath(),
    metavar="FILE",
    default="demo.png",
    show_default=True,
    help="The picture to save, a PNG.",
)
@weights_option
@json_option
def demo(out: str, weights: str | None, as_json: bool) -> None:
    """Tell what the bundled photos show, and save one picture of them with the answers.

    Nothing is fetched, and torch is not needed: photos and weights come with the installation. A
    photo's time is that of reading, resizing and classifying it, after one run that is not counted.
    """
    from bnas.zoo.photos import bundled_photos

    if not out.lower().endswith(".png"):
        raise click.ClickException(f"--out must end in .png (got {click.format_filename(out)!r})")
    network = load_network(None, weights)
    warm_up(network)
    answered = [(photo, answer(network, photo.path, top=1)) for photo in bundled_photos()]
    sizes = _sizes(network, weights)
    _save_picture(network, answered, sizes, out)
    if as_json:
        print_document(_to_dict(network, answered) | sizes | {"picture": out})
    else:
        _print(network, answered, sizes, out)


def _is_right(photo: Photo, said: Answer) -> bool:
    return said.top[0].label == photo.label


def _is_torch_loaded() -> bool:
    return sys.modules.get("torch") is not None


def _sizes(network: PackedNetwork, weights: str | None) -> dict[str, Any]:
    size_bytes = network.card.size_bytes if network.card is not None else None
    return {
        "size_bytes": size_bytes if weights is None else Path(weights).stat().st_size,
        "float_bytes": network.float_bytes,
    }


def _save_picture(
    network: PackedNetwork, answered: _Answered, sizes: dict[str, Any], out: str
) -> None:
    from bnas.tools.contact_sheet import Tile, contact_sheet, save_picture

    tiles = [
        Tile(photo.path, photo.label, said.top[0].label, said.top[0].confidence)
        for photo, said in answered
    ]
    title = f"{name_of(network)}: a network with one-bit weights and activations"
    save_picture(contact_sheet(tiles, title, _size_line(sizes)), Path(out))


def _size_line(sizes: dict[str, Any]) -> str:
    size_bytes, float_bytes = sizes["size_bytes"], sizes["float_bytes"]
    ratio = times(float_bytes / size_bytes)
    return f"{megabytes(size_bytes)} on disk, {megabytes(float_bytes)} in float32: {ratio} as much"


def _to_dict(network: PackedNetwork, answered: _Answered) -> dict[str, Any]:
    return {
        "model": name_of(network),
        "predictions": [
            said.to_dict()
            | {"label": photo.label, "source": photo.source, "right": _is_right(photo, said)}
            for photo, said in answered
        ],
        "right": sum(_is_right(*each) for each in answered),
        "torch_loaded": _is_torch_loaded(),
    }


def _print(network: PackedNetwork, answered: _Answered, sizes: dict[str, Any], out: str) -> None:
    print_table(
        f"{name_of(network)} on the bundled photos",
        ("photo", "label", "predicted", "confidence", "ms"),
        [_row(*each) for each in answered],
        numbers="confidence ms",
    )
    right = sum(_is_right(*each) for each in answered)
    torch = "loaded, though not needed" if _is_torch_loaded() else "not loaded"
    print_facts(
        f"{right} of {len(answered)} right",
        [
            ("weights", _size_line(sizes)),
            ("torch", torch),
            ("picture", click.format_filename(out)),
        ],
    )


def _row(photo: Photo, said: Answer) -> tuple[str | Text, ...]:
    from rich.text import Text

    best = said.top[0]
    colour = "green" if _is_right(photo, said) else "red"
    return (
        photo.path.name,
        photo.label,
        Text(best.label, style=colour),
        confidence(best.confidence),
        milliseconds(said.duration_ms),
    )
