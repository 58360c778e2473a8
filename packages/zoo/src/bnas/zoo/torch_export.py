"""A packed network as a checkpoint of torch: the state of its module, and what rebuilds it."""

from __future__ import annotations

import io
import os
from typing import Any

from bnas.zoo.atomic_file import write_atomically
from bnas.zoo.errors import MissingExtraError
from bnas.zoo.export_facts import facts_of
from bnas.zoo.network import PackedNetwork


def torch_checkpoint(network: PackedNetwork, *, sha256: str | None = None) -> dict[str, Any]:
    """Return a checkpoint in the form of those of `bnas.search`, which `bnas.zoo.pack` reads.

    Args:
        network: The network.
        sha256: SHA-256 of the weights file, told in the checkpoint; None takes the card's, if any.

    Returns:
        ``spec``, the JSON that `bnas.cells.spec_from_json` reads; ``model``, the state of
        `bnas.cells.nn.Network`, tensors on the CPU, latent weights float32 in ±scale;
        ``normalization`` with ``mean`` and ``std``, three numbers each; ``classes``, the labels,
        where a card tells them; ``facts``, texts as of `bnas.zoo.export_facts`.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        module = network.to_torch()
    except ImportError as error:
        raise MissingExtraError("torch checkpoints", "torch") from error
    facts = facts_of(network, sha256)
    for name in ("mean", "std", "classes"):
        del facts[name]
    colours = network.preprocessing
    checkpoint = {
        "spec": facts.pop("spec"),
        "model": dict(module.state_dict()),
        "normalization": {"mean": list(colours.mean), "std": list(colours.std)},
        "facts": facts,
    }
    if network.card is not None:
        checkpoint["classes"] = list(network.card.class_names)
    return checkpoint


def save_torch(
    network: PackedNetwork, path: str | os.PathLike[str], *, sha256: str | None = None
) -> int:
    """Write `torch_checkpoint`, whole or not at all; ``torch.load(weights_only=True)`` reads it.

    Args:
        network: The network.
        path: The file; by convention it ends in ``.pt``.
        sha256: As of `torch_checkpoint`.

    Returns:
        Bytes of the file.

    Raises:
        MissingExtraError: torch is not installed.
        SaveError: The file cannot be written; what was there before is intact.
    """
    checkpoint = torch_checkpoint(network, sha256=sha256)
    import torch

    content = io.BytesIO()
    torch.save(checkpoint, content)
    write_atomically(path, content.getvalue())
    return content.tell()
