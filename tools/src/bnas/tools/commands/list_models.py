"""`bnas-tools list`: the models of the zoo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bnas.tools.document import print_document
from bnas.tools.options import json_option
from bnas.tools.tables import print_table
from bnas.tools.units import NONE, megabytes, percent

if TYPE_CHECKING:
    from bnas.zoo import Card

_FIELDS = (
    "name", "tag", "trained", "top1", "top5", "published_top1", "published_top5", "dataset",
    "num_classes", "size_bytes",
)  # fmt: skip


@click.command("list", short_help="List the models, and which of them have weights.")
@json_option
def list_models(as_json: bool) -> None:
    """List the models of the zoo, and which of them have weights.

    "top-1" was measured here, with the weights of that row; "published" is the paper's own figure,
    with the authors' weights. A model that is not trained can be costed, drawn and trained, and
    its architecture takes weights of your own.
    """
    from bnas.cells import cost, spec
    from bnas.zoo.index import bundled_index

    cards = [entry.card for entry in bundled_index().entries]
    float_bytes = [4 * cost(spec(card.architecture)).params for card in cards]
    if as_json:
        models = [
            {**{name: getattr(card, name) for name in _FIELDS}, "float_bytes": size}
            for card, size in zip(cards, float_bytes, strict=True)
        ]
        print_document({"models": models})
        return
    print_table(
        "The zoo's models",
        ("model", "weights", "top-1", "published", "dataset", "size", "float32"),
        [_row(card, size) for card, size in zip(cards, float_bytes, strict=True)],
        numbers="top-1 published size float32",
    )


def _row(card: Card, float_bytes: int) -> tuple[str, ...]:
    return (
        card.name,
        (card.tag or "trained") if card.trained else "not trained",
        percent(card.top1),
        percent(card.published_top1),
        card.dataset or NONE,
        megabytes(card.size_bytes),
        megabytes(float_bytes),
    )
