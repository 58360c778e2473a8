"""`bnas-tools info`: all that is known about a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from bnas.tools import known_names
from bnas.tools.document import print_document
from bnas.tools.layers import print_real_layers, real_layers
from bnas.tools.networks import load_network, name_of
from bnas.tools.options import ModelName, json_option, weights_option
from bnas.tools.specifications import is_file_name, read_spec
from bnas.tools.tables import print_facts
from bnas.tools.units import count, megabytes, percent, times

if TYPE_CHECKING:
    from bnas.cells import CostReport, Spec
    from bnas.zoo import Card, PackedNetwork


@click.command(short_help="Show a model's card, sizes, and layers that are not 1 bit.")
@click.argument(
    "model",
    type=ModelName(known_names.weights, known_names.baselines, known_names.float_twins),
    metavar="MODEL",
)
@weights_option
@json_option
def info(model: str, weights: str | None, as_json: bool) -> None:
    """Tell all that is known about a model: its card, its sizes, and what of it is not 1 bit.

    MODEL is a name or a weights file; of networks that the zoo has no weights of, such as
    Bi-Real-18 or those of a specification's JSON file, the sizes alone are known. With --weights
    the sizes are those of that file, which must hold this architecture.
    """
    from bnas import cells

    network = None
    is_spec = model.lower().endswith(".json")
    if weights is not None or (is_file_name(model, ".safetensors") and not is_spec):
        network = load_network(model, weights)
        known = _Known(network.card, network.spec, name_of(network))
    else:
        known = _of_name(model)
    report = cells.cost(known.spec, rule="deployed")
    sizes = _sizes(report, known.card, network, weights or model)
    if as_json:
        card = None if known.card is None else known.card.to_dict()
        layers = real_layers(report)
        print_document({"model": known.name, "card": card, **sizes, "real_layers": layers})
        return
    told = _of_card(known.card, is_file=network is not None)
    print_facts(known.name, [*told, *_of_sizes(sizes), *_of_report(report)])
    print_real_layers(report)


@frozen
class _Known:
    """What is known of a model.

    Attributes:
        card: Its card; None without one.
        spec: Its network.
        name: That of the card, or of the network.
    """

    card: Card | None
    spec: Spec
    name: str


def _of_name(model: str) -> _Known:
    """Return what is known of a name: card and network of the zoo's, or the network alone."""
    from bnas import cells, zoo

    if model.lower().endswith(".json"):
        spec = read_spec(model)
        return _Known(None, spec, cells.name_of(spec) or "custom")
    try:
        card = zoo.card(model)
    except zoo.UnknownModelError as error:
        try:
            spec = cells.spec(model)
        except cells.UnknownNameError:
            raise error from None
        return _Known(None, spec, cells.name_of(spec))
    spec = cells.spec(card.architecture, num_classes=card.num_classes)
    return _Known(card, spec, card.full_name)


def _sizes(
    report: CostReport, card: Card | None, network: PackedNetwork | None, file: str
) -> dict[str, Any]:
    """Return sizes in bytes; those of a file where there is one, else what its index states."""
    size_bytes = card.size_bytes if card is not None else None
    return {
        "size_bytes": size_bytes if network is None else Path(file).stat().st_size,
        "binary_weight_bytes": None if network is None else network.binary_weight_bytes,
        "real_parameter_bytes": None if network is None else network.real_parameter_bytes,
        "float_bytes": 4 * report.params,
    }


def _of_card(card: Card | None, *, is_file: bool) -> list[tuple[str, str]]:
    if card is None and is_file:
        return [("card", "none: the file does not say where its weights come from")]
    if card is None:
        return [("card", "none: the zoo has no weights of this network; it can be trained")]
    facts = [
        ("weights", (card.tag or "trained") if card.trained else "not trained: there are none yet"),
        ("version", card.version),
        ("dataset", f"{card.dataset or 'unknown'}, {card.num_classes} classes"),
        ("measured", _accuracy(card.top1, card.top5)),
        ("measured with", card.measured_with),
        ("published", _accuracy(card.published_top1, card.published_top5)),
        ("recipe", card.recipe),
        ("epochs", card.epochs),
        ("seed", card.seed),
        ("latency", _latency(card)),
        ("SHA-256", card.sha256),
        ("licence", card.licence),
        ("notes", card.notes or None),
    ]
    return [(name, str(value)) for name, value in facts if value is not None]


def _latency(card: Card) -> str | None:
    if card.latency is None:
        return None
    return f"{card.latency.median_ms:g} ms an image on one thread, {card.latency.machine}"


def _accuracy(top1: float | None, top5: float | None) -> str | None:
    if top1 is None:
        return None
    return f"top-1 {percent(top1)}" + ("" if top5 is None else f", top-5 {percent(top5)}")


def _of_sizes(sizes: dict[str, Any]) -> list[tuple[str, str]]:
    float_bytes, size_bytes = sizes["float_bytes"], sizes["size_bytes"]
    facts = [] if size_bytes is None else [("size on disk", megabytes(size_bytes))]
    if sizes["binary_weight_bytes"] is not None:
        facts += [
            ("of it 1-bit weights", megabytes(sizes["binary_weight_bytes"])),
            ("of it real parameters", megabytes(sizes["real_parameter_bytes"])),
        ]
    smaller = f" ({times(float_bytes / size_bytes)} as much)" if size_bytes else ""
    return [*facts, ("size as float32", megabytes(float_bytes) + smaller)]


def _of_report(report: CostReport) -> list[tuple[str, str]]:
    share = 100 * report.binary_params / report.params
    return [
        ("parameters", f"{count(report.params)}, of them {share:.1f} % 1-bit weights"),
        ("binary MACs", count(report.binary_macs)),
        ("real MACs", count(report.real_macs)),
        ("fully binary", "no: see the layers below" if report.real_layers else "yes"),
    ]
