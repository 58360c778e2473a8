"""`Scale`: how large a reproduction is, from minutes on a CPU to the paper's own 600 epochs."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import attrs
import cattrs
from attrs import field, frozen

from bnas.tools.reproduce.errors import ScaleError

#: Side of CIFAR-10's own images, in pixels.
CIFAR10_SIDE = 32
#: From the smallest to the paper's; each is a TOML file in `scales`.
SCALES = ("quick", "reduced", "paper")


def _positive(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and value < 1:
        raise ScaleError(f"`{attribute.name}` must be at least 1 (got {value})")


@frozen(kw_only=True)
class Scale:
    """What a reproduction trains and how long it measures.

    Attributes:
        name: One of `SCALES`.
        title: In words, for the page; says that it is reduced where it is.
        epochs: Of every training.
        recipe: Name of the recipe of all trainings.
        changes: Fields of the recipe that are changed, by name.
        seeds: One training of every network each.
        baseline_seeds: The same of others' networks.
        train_images: Balanced over the classes; None for all of them.
        test_images: The same of the images that accuracy is measured on.
        channels: Network, by its key among the subjects or by its model, -> channels of its first
            cell, or width of its first stage; networks that are not named have their own.
        num_cells: The same of the number of cells.
        first_frame: Epoch, from 1, of the first picture of gradients, and of the still one.
        frame_step: Epochs between two pictures of the animation.
        bench_rounds: Turns of each runtime in a measurement of speed.
    """

    name: str
    title: str
    epochs: int = field(validator=_positive)
    recipe: str
    changes: dict[str, Any] = field(factory=dict)
    seeds: tuple[int, ...] = (0,)
    baseline_seeds: tuple[int, ...] = (0,)
    train_images: int | None = field(default=None, validator=_positive)
    test_images: int | None = field(default=None, validator=_positive)
    channels: dict[str, int] = field(factory=dict)
    num_cells: dict[str, int] = field(factory=dict)
    first_frame: int = field(default=1, validator=_positive)
    frame_step: int = field(default=1, validator=_positive)
    bench_rounds: int = field(default=15, validator=_positive)

    @property
    def side(self) -> int:
        """Side in pixels of the images that networks are trained and measured on."""
        stages = self.changes.get("resolutions", ())
        return int(stages[-1][1]) if stages else CIFAR10_SIDE

    @property
    def is_reduced(self) -> bool:
        """Whether trainings are smaller than the paper's."""
        return self.name != "paper"


def load_scale(name: str) -> Scale:
    """Return a scale by its name.

    Raises:
        ScaleError: There is none of this name.
    """
    if name not in SCALES:
        raise ScaleError(f"`scale` must be one of {SCALES} (got {name!r})")
    file = resources.files("bnas.tools.reproduce") / "scales" / f"{name}.toml"
    fields = tomllib.loads(file.read_text(encoding="utf-8"))
    return cattrs.Converter(forbid_extra_keys=True).structure({"name": name, **fields}, Scale)
