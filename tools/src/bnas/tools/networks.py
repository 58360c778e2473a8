"""Loading the network that a command's arguments mean, and naming it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bnas.tools.download_bar import download_bar
from bnas.tools.specifications import is_file_name

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork


def load_network(model: str | None, weights: str | None = None) -> PackedNetwork:
    """Return a packed network; weights that have to be fetched are, with a bar on stderr.

    Args:
        model: A name of the zoo's, or a weights file; None for the zoo's default.
        weights: A weights file; with a model's name it must be of that architecture, without one
            it may be of any.

    Raises:
        ZooError: No such model, or a damaged file.
        click.ClickException: There are no weights of the model.
    """
    from bnas import zoo

    try:
        return _load(model, weights)
    except (zoo.UntrainedModelError, zoo.WeightsNotFoundError) as error:
        # Its remedy is an argument in Python; here it is an option.
        message = str(error).replace("weights=PATH", "--weights FILE")
        raise click.ClickException(message) from error


def _load(model: str | None, weights: str | None) -> PackedNetwork:
    from bnas import zoo

    if model is not None and weights is None and is_file_name(model, ".safetensors"):
        return zoo.load_file(model)
    if model is None and weights is not None:
        return zoo.load_file(weights)
    with download_bar() as bar:
        return zoo.load(model or zoo.DEFAULT_MODEL, weights=weights, progress=bar)


def name_of(network: PackedNetwork) -> str:
    """Return the name on the network's card; without a card that of its architecture, if known.

    The number of classes and of real convolutions at the end, in which the authors' networks differ
    from those trained here, make no other architecture.
    """
    from bnas import cells

    if network.card is not None:
        return network.card.full_name
    return cells.name_of(network.spec) or "custom"
