"""`SearchRecipe`: everything that decides a search, except the images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs import field, frozen

from bnas.cells import PRIMITIVES
from bnas.search.errors import RecipeError
from bnas.search.randomness import seed_of
from bnas.search.recipe import Precision, Recipe
from bnas.search.recipe_fields import (
    LARGEST_COUNT,
    LARGEST_SIDE,
    as_float,
    as_tuple,
    choice,
    flag,
    integer,
    numbers,
    real,
)
from bnas.search.recipe_files import check_names, list_files, read_changes, read_fields

TemplateName = Literal["cifar", "imagenet"]
SkipName = Literal["previous", "none"]
SupernetEngine = Literal["shared", "plain", "compiled"]

#: Where the package keeps recipes of searches.
_FOLDER = "search_recipes"


@frozen(kw_only=True)
class SearchRecipe:
    """How cells are searched.

    The defaults are the paper's. Its ablations are fields: no Zeroise is ``zeroise = false``, no
    skips between cells is ``skip = "none"``, no diversity regulariser is ``entropy_weight = 0``.

    Attributes:
        epochs: Passes over either half of the images.
        batch_size: Images of each half a step, of all processes together.
        cells: Stacked cells of the supernet, at least 3: of fewer, none is a normal cell.
        channels: Of a node in its first cell; doubled by each of the two reductions.
        template: Stem of the ``"cifar"`` or the ``"imagenet"`` network.
        skip: ``"previous"`` adds c(k-1) to the output of every cell but the first.
        zeroise: Whether an edge may choose Zeroise (``none``).
        engine: ``"shared"`` computes what the edges of a cell have in common once, ``"plain"`` has
            one module for every edge and primitive; ``"compiled"`` is the shared one through
            `torch.compile`, for one GPU: it takes minutes to compile, and is not measured yet.
        learning_rate: Of the weights in the first epoch.
        final_learning_rate: To which half a cosine leads, epoch by epoch.
        momentum: Of the weights' SGD.
        weight_decay: L2 decay of every weight that is not latent.
        latent_weight_decay: L2 decay of latent weights.
        gradient_clip: Largest norm of the weights' gradients; 0 for no limit.
        arch_learning_rate: Of the architecture parameters' Adam.
        arch_betas: Of that Adam.
        arch_weight_decay: L2 decay of the architecture parameters.
        order: 1 takes the weights as they are; 2 looks one step of theirs ahead, at about three
            times the cost (DARTS, Equations 7 and 8).
        entropy_weight: Lambda of the diversity regulariser; 0 for none.
        entropy_decay_epochs: Tau: the regulariser falls to 1/e in so many epochs.
        seed: Of the initial weights and architecture parameters, the order of the images and their
            augmentation. Which half an image belongs to does not depend on it.
        crop_padding: Pixels of zeros around an image before the random crop; 0 for no crop.
        flip: Flip every other image horizontally, at random.
        side: Height and width in pixels to which images are resized, at least 8; 0 for their own.
        precision: ``"bfloat16"`` is torch's autocast.
        official_gradient: Multiply latent gradients by n * (1 - 1/C_in), as the authors' code does.
        official_quirks: Take the slips of the authors' code over into the supernet.

    Raises:
        RecipeError: A field is outside its range.

    References:
        ECCV 2020 BNAS, Sections 4.3 and 5; Liu et al., "DARTS", ICLR 2019.
    """

    epochs: int = field(validator=integer(1, LARGEST_COUNT))
    batch_size: int = field(default=64, validator=integer(2, LARGEST_COUNT))
    cells: int = field(default=8, validator=integer(3, 1000))
    channels: int = field(default=16, validator=integer(1, 4096))
    template: TemplateName = field(default="cifar", validator=choice(TemplateName))
    skip: SkipName = field(default="previous", validator=choice(SkipName))
    zeroise: bool = field(default=True, validator=flag)
    engine: SupernetEngine = field(default="shared", validator=choice(SupernetEngine))
    learning_rate: float = field(converter=as_float, default=0.025, validator=real(0, above=True))
    final_learning_rate: float = field(converter=as_float, default=0.001, validator=real(0))
    momentum: float = field(converter=as_float, default=0.9, validator=real(0, 0.999))
    weight_decay: float = field(converter=as_float, default=3e-4, validator=real(0))
    latent_weight_decay: float = field(converter=as_float, default=3e-4, validator=real(0))
    gradient_clip: float = field(converter=as_float, default=0.0, validator=real(0))
    arch_learning_rate: float = field(converter=as_float, default=3e-4, validator=real(0))
    arch_betas: tuple[float, ...] = field(
        default=(0.5, 0.999), converter=as_tuple, validator=numbers(2, 0.99999)
    )
    arch_weight_decay: float = field(converter=as_float, default=1e-3, validator=real(0))
    order: int = field(default=1, validator=integer(1, 2))
    entropy_weight: float = field(converter=as_float, default=1.0, validator=real(0))
    entropy_decay_epochs: float = field(
        converter=as_float, default=7.7, validator=real(0, above=True)
    )
    seed: int = field(default=0, validator=integer(0, 2**63 - 1))
    crop_padding: int = field(default=4, validator=integer(0, LARGEST_SIDE))
    flip: bool = field(default=True, validator=flag)
    side: int = field(default=0, validator=integer(0, LARGEST_SIDE))
    precision: Precision = field(default="float32", validator=choice(Precision))
    official_gradient: bool = field(default=True, validator=flag)
    official_quirks: bool = field(default=False, validator=flag)

    def __attrs_post_init__(self) -> None:
        """Refuse combinations that cannot be."""
        if self.final_learning_rate > self.learning_rate:
            raise RecipeError(
                "`final_learning_rate` must be at most `learning_rate` "
                f"(got {self.final_learning_rate} and {self.learning_rate})"
            )
        if len(self.arch_betas) != 2:
            raise RecipeError(f"`arch_betas` must be two numbers (got {list(self.arch_betas)})")
        if self.template == "imagenet" and self.channels % 2:
            raise RecipeError(
                "`channels` must be even in the imagenet template, whose stem halves it "
                f"(got {self.channels})"
            )
        _ = self.weights_recipe  # Which judges the side.

    @property
    def primitives(self) -> tuple[str, ...]:
        """Layer types an edge chooses from: the columns of the architecture parameters."""
        return tuple(name for name in PRIMITIVES if self.zeroise or name != "none")

    @property
    def weights_recipe(self) -> Recipe:
        """How the weights are trained, and on which batches of their half."""
        return Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimizer="sgd",
            momentum=self.momentum,
            schedule="cosine",
            warmup_fraction=0.0,
            weight_decay=self.weight_decay,
            latent_weight_decay=self.latent_weight_decay,
            gradient_clip=self.gradient_clip,
            seed=self.seed,
            crop_padding=self.crop_padding,
            flip=self.flip,
            resolutions=((1.0, self.side),) if self.side else (),
            precision=self.precision,
            engine="compiled" if self.engine == "compiled" else "eager",
        )

    @property
    def arch_recipe(self) -> Recipe:
        """Which batches of their half the architecture parameters are learned from."""
        seed = seed_of(self.seed, "architecture half")
        return attrs.evolve(self.weights_recipe, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as numbers, strings and lists, ready for TOML or JSON."""
        return {**attrs.asdict(self), "arch_betas": list(self.arch_betas)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SearchRecipe:
        """Build a recipe from what `to_dict` returns.

        Raises:
            RecipeError: Unknown or missing fields, or a value outside its range.
        """
        check_names(cls, data)
        return cls(**data)


def load_search_recipe(source: str | Path) -> SearchRecipe:
    """Read the recipe of a search.

    Args:
        source: A TOML file, or the name of a recipe of the package (`list_search_recipes`).

    Raises:
        RecipeError: No such recipe, a file that cannot be read or is not TOML in UTF-8, an unknown
            field, or a field outside its range.
    """
    return SearchRecipe.from_dict(read_fields(source, _FOLDER))


def changed_search(recipe: SearchRecipe, changes: Iterable[str]) -> SearchRecipe:
    """Return a recipe with some of its fields changed.

    Args:
        recipe: The recipe.
        changes: Such as ``entropy_weight=0``; the value as in TOML, strings without quotes too.

    Raises:
        RecipeError: Not a field and a value, an unknown field, or a value outside its range.
    """
    return SearchRecipe.from_dict({**recipe.to_dict(), **read_changes(changes)})


def list_search_recipes() -> tuple[str, ...]:
    """Return the names of the recipes of searches that come with the package."""
    return list_files(_FOLDER)
