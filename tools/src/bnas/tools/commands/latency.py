"""`bnas-tools latency`: measure how long a model takes, and write it on its card."""

from __future__ import annotations

import click

from bnas.tools import known_names
from bnas.tools.document import print_document
from bnas.tools.options import ModelName, json_option, machine_option
from bnas.tools.tables import print_facts


@click.command(short_help="Measure a model's latency for its card in the zoo.")
@click.argument("model", type=ModelName(known_names.weights), metavar="MODEL")
@machine_option
@json_option
def latency(model: str, machine: str | None, as_json: bool) -> None:
    """Measure MODEL on this machine and write it on its card in this checkout's index.

    Single images on one thread, through the packed network; the machine should have nothing else
    to do. `make cards` then renews the table of the models.
    """
    from bnas.zoo.publishing import publish_latency

    card = publish_latency(model, machine=machine).card
    measured = card.latency
    assert measured is not None
    if as_json:
        print_document(card.to_dict())
        return
    print_facts(
        f"{card.full_name} for one image on one thread",
        [
            ("median", f"{measured.median_ms:g} ms"),
            ("fastest", f"{measured.min_ms:g} ms"),
            ("machine", measured.machine),
        ],
    )
