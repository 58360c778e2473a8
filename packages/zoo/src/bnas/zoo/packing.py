"""`pack`: from one's own training to a packed network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from bnas.cells import Spec, prune, spec_from_json
from bnas.zoo.cards import Card
from bnas.zoo.errors import ParametersError
from bnas.zoo.network import PackedNetwork, default_preprocessing
from bnas.zoo.parameters import check_is_binary, from_state, in_half_precision

if TYPE_CHECKING:
    from bnas.cells.nn import Network

RealDtype = Literal["float32", "float16"]


def pack(
    module_or_checkpoint: Network | str | os.PathLike[str] | Mapping[str, Any],
    *,
    real_dtype: RealDtype = "float32",
    card: Card | None = None,
) -> PackedNetwork:
    """Pack a trained network.

    Args:
        module_or_checkpoint: A `bnas.cells.nn.Network`, a checkpoint of `bnas.search`, or its path.
        real_dtype: What real parameters are kept in. ``"float32"`` is the same function as the
            module; ``"float16"`` halves the file, for networks that were trained to it.
        card: What to tell users of the weights.

    Raises:
        ParametersError: No such network or checkpoint, or tensors that are not the network's.
    """
    if real_dtype not in ("float32", "float16"):
        raise ParametersError(f"`real_dtype` must be 'float32' or 'float16' (got {real_dtype!r})")
    from bnas.zoo import torch_bridge

    if isinstance(module_or_checkpoint, str | os.PathLike):
        module_or_checkpoint = torch_bridge.read_checkpoint(module_or_checkpoint)
    if isinstance(module_or_checkpoint, Mapping):
        spec, state = _opened(module_or_checkpoint)
        card = _card_of(module_or_checkpoint, spec) if card is None else card
        parameters = from_state(prune(spec.lower()), torch_bridge.as_arrays(state))
    else:
        spec, parameters = torch_bridge.from_module(module_or_checkpoint)
    if real_dtype == "float16":
        parameters = in_half_precision(parameters)
    return PackedNetwork(spec, parameters, card)


def _opened(checkpoint: Mapping[str, Any]) -> tuple[Spec, Mapping[str, Any]]:
    """Return specification and state of a checkpoint of `bnas.search`."""
    missing = [key for key in ("spec", "model") if key not in checkpoint]
    if missing and "identity" in checkpoint:
        raise ParametersError(
            "the checkpoint is of a training that has not finished; pack its `final.pt`, or train "
            "on to the end"
        )
    if missing:
        raise ParametersError(
            f"a checkpoint must hold 'spec' and 'model' (missing {missing}); the authors' own "
            "checkpoints are read by `import_official`"
        )
    recipe = checkpoint.get("recipe")
    check_is_binary(recipe.get("binarize", "all") if isinstance(recipe, Mapping) else "all")
    return spec_from_json(checkpoint["spec"]), checkpoint["model"]


def _card_of(checkpoint: Mapping[str, Any], spec: Spec) -> Card | None:
    """Return a card with the labels and the normalisation that a training states, if it does."""
    classes, colours = checkpoint.get("classes"), checkpoint.get("normalization")
    if not isinstance(colours, Mapping) or not isinstance(classes, list | tuple):
        return None
    defaults = default_preprocessing(spec)
    return Card(
        name="custom",
        trained=True,
        num_classes=spec.num_classes,
        class_names=tuple(classes),
        preprocessing=attrs.evolve(
            defaults, mean=tuple(colours["mean"]), std=tuple(colours["std"])
        ),
    )
