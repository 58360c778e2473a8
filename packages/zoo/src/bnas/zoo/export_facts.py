"""What exported files say of a network, whatever their format: names, classes, origin."""

from __future__ import annotations

import json

from bnas.cells import name_of
from bnas.zoo.network import PackedNetwork


def base_name(network: PackedNetwork) -> str:
    """Return the network's name without the tag of its weights; empty if it has none."""
    if network.card is not None and network.card.name != "custom":
        return network.card.name
    return name_of(network.spec)


def class_names(network: PackedNetwork) -> list[str]:
    """Return a name for every logit: the card's label, or its number."""
    card = network.card
    indices = range(network.spec.num_classes)
    return [f"class {index}" if card is None else card.label(index) for index in indices]


def weights_sha256(network: PackedNetwork, sha256: str | None) -> str | None:
    """Return the SHA-256 of the weights file: the one that is given, else the card's, if any."""
    if sha256 is None and network.card is not None:
        return network.card.sha256
    return sha256


def facts_of(network: PackedNetwork, sha256: str | None = None) -> dict[str, str]:
    """Return what a reader of the file needs to know, as texts.

    Args:
        network: The network.
        sha256: SHA-256 of its weights file; None takes the card's, if any.

    Returns:
        ``model``; ``classes``, a JSON list of names in the order of the logits; ``mean`` and
        ``std``, JSON lists of three: images are ``(value / 255 - mean) / std``, red, green, blue;
        ``spec``, what `bnas.cells.spec_from_json` reads; and as far as they are known,
        ``dataset``, ``top1`` (percent), ``measured_with``, ``licence``, ``weights_sha256``.
    """
    card, colours = network.card, network.preprocessing
    facts: dict[str, object] = {
        "model": base_name(network) or "custom network" if card is None else card.full_name,
        "classes": json.dumps(class_names(network)),
        "mean": json.dumps(colours.mean),
        "std": json.dumps(colours.std),
        "spec": network.spec.to_json(),
        "weights_sha256": weights_sha256(network, sha256),
    }
    if card is not None:
        facts |= {
            "dataset": card.dataset,
            "top1": card.top1,
            "measured_with": card.measured_with,
            "licence": card.licence,
        }
    return {name: str(value) for name, value in facts.items() if value is not None}
