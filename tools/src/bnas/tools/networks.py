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
    except zoo.UnknownModelError as error:
        known = _specification(model)
        if known is None:
            raise
        if weights is not None:
            return _load_architecture(known, weights)
        raise click.ClickException(
            f"{known} is a specification without weights: the zoo has none of it "
            f"(models with weights: {', '.join(zoo.list_models(trained=True))}); to use some, "
            f"train and pack it (`bnas-tools train --model {known}`, `bnas-tools pack`) and name "
            "their file: --weights FILE"
        ) from error


def known_as(network: PackedNetwork, model: str | None, weights: str | None) -> str:
    """Return what answers call a network: weights of one's own, and later versions, share a name.

    Args:
        network: The network that `load_network` returned for the other arguments.
        model: Name or weights file, as it was given.
        weights: Weights file, as it was given.
    """
    own = weights
    if weights is None and model is not None and is_file_name(model, ".safetensors"):
        own = model
    if own is None:
        version = None if network.card is None else network.card.version
        return name_of(network) + (f", version {version}" if version not in (None, "1") else "")
    from bnas.zoo.checksum import file_sha256

    return f"{name_of(network)}, sha256 {file_sha256(own)[:12]}"


def _specification(name: str | None) -> str | None:
    """Return the name of a network that is known, as it is written; None if it is unknown."""
    from bnas import cells

    try:
        return cells.name_of(cells.spec(name or ""), exactly=True)
    except cells.CellsError:
        return None


def _load_architecture(name: str, weights: str) -> PackedNetwork:
    """Load weights of a network that the zoo does not list."""
    from bnas import cells, zoo

    network = zoo.load_file(weights)
    if cells.name_of(network.spec) != name:
        shown = click.format_filename(weights)
        raise click.ClickException(
            f"{shown!r} holds weights of another architecture than {name}: leave --model out"
        )
    return network


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
