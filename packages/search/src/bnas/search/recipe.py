"""`Recipe`: everything that decides how a network is trained, except the network and the data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs import field, frozen

from bnas.search.augmentation import Augmentation
from bnas.search.errors import RecipeError
from bnas.search.recipe_fields import (
    LARGEST_COUNT,
    LARGEST_SIDE,
    Resolutions,
    as_float,
    as_tuple,
    check_stages,
    choice,
    flag,
    integer,
    numbers,
    real,
    stages,
)
from bnas.search.recipe_files import check_names, list_files, read_changes, read_fields

OptimizerName = Literal["adam", "adamw", "sgd"]
ScheduleName = Literal["one-cycle", "cosine", "linear"]
Precision = Literal["float32", "bfloat16"]
Engine = Literal["eager", "compiled", "fused"]
Binarize = Literal["all", "activations", "none"]

#: Where the package keeps its recipes.
_FOLDER = "recipes"


@frozen(kw_only=True)
class Recipe:
    """How a network is trained.

    Numbers are kept as floats where a field is one, so that 1 and 1.0 are the same recipe.

    Attributes:
        epochs: Passes over the training images, at most 1,000,000.
        batch_size: Images a step, of all processes together, 2 to 1,000,000; the remainder of an
            epoch that fills no batch is left out.
        learning_rate: The largest one of the schedule.
        optimizer: ``"adam"`` and ``"adamw"`` (betas 0.9, 0.999) or ``"sgd"`` (with momentum).
        momentum: Of SGD, <= 0.999, with other schedules than one-cycle, which moves it itself.
        schedule: ``"one-cycle"``, ``"cosine"`` or ``"linear"``; see `bnas.search.schedule`.
        warmup_fraction: Fraction of all steps in which the learning rate rises.
        restart_epochs: With ``"cosine"``, start again at the peak every so many epochs; 0: never.
        weight_decay: L2 decay of every parameter that is not a latent weight.
        latent_weight_decay: L2 decay of latent weights. It moves them towards the sign change, it
            does not make the network smaller.
        gradient_clip: Largest norm of all gradients together, as the authors take it
            (`bnas.search.clipping`); 0 for no limit.
        label_smoothing: Probability mass spread evenly over the classes.
        mixup_strength: Both parameters of mixup's Beta distribution; 0 for no mixup.
        cutmix_strength: The same of cutmix; with mixup too, a coin is thrown for every batch.
        drop_path: Probability with which an edge's output is dropped in the last step; it rises
            linearly from 0.
        average_decay: Of the exponential moving average of the weights, which then is the result;
            0 for none.
        distillation_weight: Share of the teacher in the loss, if there is one.
        distillation_temperature: Divides the logits of both before they are compared.
        seed: Of the initial weights, the data order, augmentation, mixing and drop-path; from 0 to
            2**63 - 1. Which images are held out does not depend on it (`load_training_data`).
        crop_padding: Pixels of zeros around an image before the random crop, at most 4096; 0 for no
            crop.
        flip: Flip every other image horizontally, at random.
        area: Least and largest share of the area of a random resized crop, which then takes the
            place of the padded one; empty for none.
        color_jitter: Brightness, contrast, saturation and hue, as torchvision means them; empty for
            none.
        resolutions: (fraction of the epochs, side in pixels) of successive stages, to which batches
            are resized; sides of 8 to 4096, empty for the images' own size throughout.
        evaluation_resize: The shorter side of held-out images is resized to so many pixels, at most
            4096, before the centre is cut out at the side of the last stage; in the same ratio at
            other stages (`evaluation_resize_at`). 0 to resize whole images.
        precision: Of the forward and backward pass; ``"bfloat16"`` is torch's autocast, except in
            the fused engine.
        engine: ``"eager"``; ``"compiled"``, through `torch.compile`, which needs a C++ compiler; or
            ``"fused"``, the passes of `bnas.search.fused` on a CPU, in bfloat16 only.
        binarize: ``"all"``; ``"activations"``, the first of two stages, with real weights; or
            ``"none"``, the float twin that teaches.
        official_sign: Take sign(0) = 0 as the authors' code does; a packed network cannot.
        official_gradient: Multiply latent gradients by n * (1 - 1/C_in), as the authors' code does.
        official_centring: Centre latent weights of one input channel too, as the authors' code
            does, which makes those of depthwise convolutions 0.

    Raises:
        RecipeError: A field is outside its range, or two of them exclude each other.
    """

    epochs: int = field(validator=integer(1, LARGEST_COUNT))
    batch_size: int = field(default=128, validator=integer(2, LARGEST_COUNT))
    learning_rate: float = field(converter=as_float, default=2e-3, validator=real(0, above=True))
    optimizer: OptimizerName = field(default="adam", validator=choice(OptimizerName))
    momentum: float = field(converter=as_float, default=0.9, validator=real(0, 0.999))
    schedule: ScheduleName = field(default="one-cycle", validator=choice(ScheduleName))
    warmup_fraction: float = field(converter=as_float, default=0.15, validator=real(0, 0.9))
    restart_epochs: int = field(default=0, validator=integer(0, LARGEST_COUNT))
    weight_decay: float = field(converter=as_float, default=0.0, validator=real(0))
    latent_weight_decay: float = field(converter=as_float, default=0.0, validator=real(0))
    gradient_clip: float = field(converter=as_float, default=0.0, validator=real(0))
    label_smoothing: float = field(converter=as_float, default=0.0, validator=real(0, 0.999))
    mixup_strength: float = field(converter=as_float, default=0.0, validator=real(0))
    cutmix_strength: float = field(converter=as_float, default=0.0, validator=real(0))
    drop_path: float = field(converter=as_float, default=0.0, validator=real(0, 0.9))
    average_decay: float = field(converter=as_float, default=0.0, validator=real(0, 0.99999))
    distillation_weight: float = field(converter=as_float, default=0.0, validator=real(0, 1))
    distillation_temperature: float = field(
        converter=as_float, default=4.0, validator=real(0, above=True)
    )
    seed: int = field(default=0, validator=integer(0, 2**63 - 1))
    crop_padding: int = field(default=4, validator=integer(0, LARGEST_SIDE))
    flip: bool = field(default=True, validator=flag)
    area: tuple[float, ...] = field(default=(), converter=as_tuple, validator=numbers(2, 1))
    color_jitter: tuple[float, ...] = field(
        default=(), converter=as_tuple, validator=numbers(4, 10)
    )
    resolutions: Resolutions = field(default=(), converter=stages, validator=check_stages)
    evaluation_resize: int = field(default=0, validator=integer(0, LARGEST_SIDE))
    precision: Precision = field(default="float32", validator=choice(Precision))
    engine: Engine = field(default="eager", validator=choice(Engine))
    binarize: Binarize = field(default="all", validator=choice(Binarize))
    official_sign: bool = field(default=False, validator=flag)
    official_gradient: bool = field(default=False, validator=flag)
    official_centring: bool = field(default=False, validator=flag)

    def __attrs_post_init__(self) -> None:
        """Refuse combinations that cannot be."""
        fused = self.engine == "fused"
        if fused and (self.precision != "bfloat16" or self.binarize == "none"):
            raise RecipeError(
                "`engine` = 'fused' needs `precision` = 'bfloat16' and binary activations "
                f"(got precision={self.precision!r}, binarize={self.binarize!r})"
            )
        if fused and self.official_sign:
            raise RecipeError("`engine` = 'fused' needs `official_sign` = false (got true)")
        if self.restart_epochs and self.schedule != "cosine":
            raise RecipeError(
                f"`restart_epochs` needs `schedule` = 'cosine' (got {self.schedule!r})"
            )
        if self.area and self.crop_padding:
            raise RecipeError(
                f"`area` takes the place of `crop_padding`, which must be 0 then "
                f"(got area={list(self.area)}, crop_padding={self.crop_padding})"
            )
        side = self.resolutions[-1][1] if self.resolutions else None
        if self.evaluation_resize and (side is None or self.evaluation_resize < side):
            raise RecipeError(
                "`evaluation_resize` needs `resolutions`, and at least the side of the last "
                f"(got {self.evaluation_resize}, resolutions={list(self.resolutions)})"
            )
        _ = self.augmentation  # Which judges its own fields.

    @property
    def augmentation(self) -> Augmentation:
        """The part of the recipe that varies single images."""
        return Augmentation(
            crop_padding=self.crop_padding,
            flip=self.flip,
            area=self.area or None,
            color_jitter=self.color_jitter or None,
        )

    def side_at(self, epoch: int) -> int | None:
        """Return the side in pixels to which batches of `epoch` are resized, or None for their own.

        Args:
            epoch: From 0.
        """
        passed = 0.0
        for fraction, side in self.resolutions:
            passed += fraction
            if epoch < round(passed * self.epochs):
                return side
        return self.resolutions[-1][1] if self.resolutions else None

    def evaluation_resize_at(self, epoch: int) -> int | None:
        """Return the pixels to which the shorter side of held-out images is resized at `epoch`.

        Args:
            epoch: From 0.

        Returns:
            The `resize` of `evaluate` whose `side` is that of `side_at`, and not smaller; None to
            resize whole images.
        """
        side = self.side_at(epoch)
        if not self.evaluation_resize or side is None:
            return None
        return round(self.evaluation_resize * side / self.resolutions[-1][1])

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as numbers, strings and lists, ready for TOML or JSON."""
        data = attrs.asdict(self)
        if not self.official_centring:  # As before there was a choice: runs and digests are known.
            del data["official_centring"]
        data["resolutions"] = [list(stage) for stage in self.resolutions]
        data["area"], data["color_jitter"] = list(self.area), list(self.color_jitter)
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Recipe:
        """Build a recipe from what `to_dict` returns.

        Raises:
            RecipeError: Unknown or missing fields, or a value outside its range.
        """
        check_names(cls, data)
        return cls(**data)


def load_recipe(source: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        source: A TOML file, or the name of a recipe that comes with the package (`list_recipes`).

    Raises:
        RecipeError: No such recipe, a file that cannot be read or is not TOML in UTF-8, an unknown
            field, or a field outside its range.
    """
    return Recipe.from_dict(read_fields(source, _FOLDER))


def changed(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """Return a recipe with some of its fields changed.

    Args:
        recipe: The recipe.
        changes: Such as ``epochs=20``; the value as in TOML, strings without quotes too.

    Raises:
        RecipeError: Not a field and a value, an unknown field, or a value outside its range.
    """
    return Recipe.from_dict({**recipe.to_dict(), **read_changes(changes)})


def list_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package."""
    return list_files(_FOLDER)
