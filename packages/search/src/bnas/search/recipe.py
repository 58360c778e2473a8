"""`Recipe`: everything that decides how a network is trained, except the network and the data."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import attrs
from attrs import field, frozen

from bnas.search.errors import RecipeError

OptimizerName = Literal["adam", "sgd"]
ScheduleName = Literal["one-cycle", "cosine"]
Precision = Literal["float32", "bfloat16"]

Resolutions = tuple[tuple[float, int], ...]
_Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _choice(literal: Any) -> _Check:
    allowed = get_args(literal)

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in allowed:
            raise RecipeError(f"`{attribute.name}` must be one of {allowed} (got {value!r})")

    return check


def _integer(minimum: int) -> _Check:
    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise RecipeError(f"`{attribute.name}` must be an integer >= {minimum} (got {value!r})")

    return check


def _real(minimum: float, maximum: float = math.inf, *, above: bool = False) -> _Check:
    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        within = is_number and math.isfinite(value) and minimum <= value <= maximum
        if within and not (above and value == minimum):
            return
        sign = ">" if above else ">="
        bound = "" if maximum == math.inf else f" and <= {maximum}"
        raise RecipeError(
            f"`{attribute.name}` must be a number {sign} {minimum}{bound} (got {value!r})"
        )

    return check


def _flag(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise RecipeError(f"`{attribute.name}` must be true or false (got {value!r})")


def _stages(value: Iterable[Any]) -> Resolutions:
    try:
        return tuple((fraction, side) for fraction, side in value)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"`resolutions` must be pairs (fraction of the epochs, side in pixels) (got {value!r})"
        ) from error


def _check_stages(_: Any, __: Any, stages: Resolutions) -> None:
    for fraction, side in stages:
        if not isinstance(fraction, int | float) or not 0 < fraction <= 1:
            raise RecipeError(
                f"a fraction in `resolutions` must be > 0 and <= 1 (got {fraction!r})"
            )
        if not isinstance(side, int) or isinstance(side, bool) or side < 8:
            raise RecipeError(f"a side in `resolutions` must be an integer >= 8 (got {side!r})")
    total = sum(fraction for fraction, _ in stages)
    if stages and abs(total - 1) > 1e-6:
        raise RecipeError(f"the fractions in `resolutions` must sum to 1 (got {total})")


@frozen(kw_only=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images a step; the remainder of an epoch that fills no batch is left out.
        learning_rate: The largest one of the schedule.
        optimizer: ``"adam"`` (betas 0.9, 0.999) or ``"sgd"`` (with momentum).
        momentum: Of SGD with the cosine schedule; the one-cycle schedule moves it itself.
        schedule: ``"one-cycle"`` or ``"cosine"``; see `bnas.search.schedule`.
        warmup_fraction: Fraction of all steps in which the learning rate rises.
        weight_decay: L2 decay of every parameter that is not a latent weight.
        latent_weight_decay: L2 decay of latent weights. It moves them towards the sign change, it
            does not make the network smaller.
        label_smoothing: Probability mass spread evenly over the classes.
        seed: Of the initial weights, the data order and the augmentation.
        crop_padding: Pixels of zeros around an image before the random crop; 0 for no crop.
        flip: Flip every other image horizontally, at random.
        resolutions: (fraction of the epochs, side in pixels) of successive stages, to which batches
            are resized; empty for the images' own size throughout.
        precision: Of the forward and backward pass; ``"bfloat16"`` is torch's autocast.
        compile: Run the network through `torch.compile`, which needs a C++ compiler.
        official_sign: Take sign(0) = 0 as the authors' code does; a packed network cannot.
        official_gradient: Multiply latent gradients by n * (1 - 1/C_in), as the authors' code does.

    Raises:
        RecipeError: A field is outside its range.
    """

    epochs: int = field(validator=_integer(1))
    batch_size: int = field(default=128, validator=_integer(2))
    learning_rate: float = field(default=2e-3, validator=_real(0, above=True))
    optimizer: OptimizerName = field(default="adam", validator=_choice(OptimizerName))
    momentum: float = field(default=0.9, validator=_real(0, 0.999))
    schedule: ScheduleName = field(default="one-cycle", validator=_choice(ScheduleName))
    warmup_fraction: float = field(default=0.15, validator=_real(0, 0.9))
    weight_decay: float = field(default=0.0, validator=_real(0))
    latent_weight_decay: float = field(default=0.0, validator=_real(0))
    label_smoothing: float = field(default=0.0, validator=_real(0, 0.999))
    seed: int = field(default=0, validator=_integer(0))
    crop_padding: int = field(default=4, validator=_integer(0))
    flip: bool = field(default=True, validator=_flag)
    resolutions: Resolutions = field(default=(), converter=_stages, validator=_check_stages)
    precision: Precision = field(default="float32", validator=_choice(Precision))
    compile: bool = field(default=False, validator=_flag)
    official_sign: bool = field(default=False, validator=_flag)
    official_gradient: bool = field(default=False, validator=_flag)

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

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as numbers, strings and lists, ready for TOML or JSON."""
        data = attrs.asdict(self)
        data["resolutions"] = [list(stage) for stage in self.resolutions]
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Recipe:
        """Build a recipe from what `to_dict` returns.

        Raises:
            RecipeError: Unknown or missing fields, or a value outside its range.
        """
        allowed = [item.name for item in attrs.fields(cls)]
        unknown = sorted(set(data) - set(allowed))
        if unknown:
            raise RecipeError(f"unknown fields {unknown} in a recipe; allowed: {allowed}")
        if "epochs" not in data:
            raise RecipeError("a recipe must say its number of `epochs` (got none)")
        return cls(**data)


def load_recipe(source: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        source: A TOML file, or the name of a recipe that comes with the package (`list_recipes`).

    Raises:
        RecipeError: No such recipe, not TOML, or a field outside its range.
    """
    if isinstance(source, str) and source in list_recipes():
        text = (_shipped() / f"{source}.toml").read_text(encoding="utf-8")
    elif Path(source).is_file():
        text = Path(source).read_text(encoding="utf-8")
    else:
        raise RecipeError(
            f"`source` must be a TOML file or one of {list_recipes()} (got {str(source)!r})"
        )
    try:
        return Recipe.from_dict(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source} is not TOML ({error})") from error


def list_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package."""
    names = (entry.name for entry in _shipped().iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in names))


def _shipped() -> Any:
    return resources.files("bnas.search") / "recipes"
