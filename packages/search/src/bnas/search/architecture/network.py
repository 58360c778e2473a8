"""The supernet as a search sees it: the one place where the search touches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from bnas.search.architecture.recipe import SearchRecipe
from bnas.search.supernet import SearchSpace, Supernet
from bnas.search.supernet.network import Engine

#: Keys of the architecture parameters.
KINDS = ("normal", "reduce")


@runtime_checkable
class SearchNetwork(Protocol):
    """What a search needs of a supernet; it is a `torch.nn.Module` whose state holds all of it.

    Attributes:
        arch_parameters: ``"normal"`` and ``"reduce"`` -> logits, float32 (14, P), P primitives.
    """

    arch_parameters: Mapping[str, nn.Parameter]

    def project_latents_(self) -> None:
        """Centre and clamp all latent weights in place, as before every step of a training."""

    def __call__(self, images: Tensor) -> Tensor:
        """Map normalised images (N, 3, H, W) to logits (N, classes)."""


#: Builds a supernet for a recipe and a number of classes.
Build = Callable[[SearchRecipe, int], Any]


def build_supernet(recipe: SearchRecipe, num_classes: int) -> Any:
    """Return the supernet of a recipe; weights are drawn from torch's global generator.

    Args:
        recipe: Names cells, channels, primitives, skip, template, engine.
        num_classes: Number of logits.

    Raises:
        SearchSpaceError: There is no such space.
    """
    space = SearchSpace(
        primitives=recipe.primitives,
        cells=recipe.cells,
        channels=recipe.channels,
        num_classes=num_classes,
        template=recipe.template,
        skip=recipe.skip,
        official_quirks=recipe.official_quirks,
    )
    engine: Engine = "plain" if recipe.engine == "plain" else "shared"
    return Supernet(space, engine=engine, official_gradient=recipe.official_gradient)


def fresh_supernet(build: Build, recipe: SearchRecipe, num_classes: int) -> Any:
    """Build with the recipe's seed; the global generator of random numbers is left as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return build(recipe, num_classes)


def arch_list(network: SearchNetwork) -> list[nn.Parameter]:
    """Return the architecture parameters of the normal and of the reduction cell."""
    return [network.arch_parameters[kind] for kind in KINDS]
