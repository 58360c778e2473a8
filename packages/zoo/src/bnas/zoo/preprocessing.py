"""`Preprocessing`: the size and the normalisation that a network was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import attrs
from attrs import field, frozen

from bnas.zoo.errors import PreprocessingError

Interpolation = Literal["bilinear", "bicubic"]


#: Largest input, in pixels: a damaged card must not ask for an image that fills the memory.
LIMIT_SIZE = 4096


def _pixels(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LIMIT_SIZE:
        raise PreprocessingError(
            f"`{attribute.name}` must be an integer from 1 to {LIMIT_SIZE}, in pixels "
            f"(got {value!r})"
        )


def _one_a_channel(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(value)
    return value


def _three_numbers(least: float) -> Any:
    def fits(number: object) -> bool:
        if not isinstance(number, int | float) or isinstance(number, bool):
            return False
        return least <= number <= 1e6

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not (isinstance(value, tuple) and len(value) == 3 and all(map(fits, value))):
            raise PreprocessingError(
                f"`{attribute.name}` must be three numbers from {least:g} to 1e+06: red, green, "
                f"blue (got {value!r})"
            )

    return check


def _size_of(preprocessing: Preprocessing) -> int:
    return preprocessing.size


@frozen(kw_only=True)
class Preprocessing:
    """How a photo becomes the input of a network.

    Attributes:
        size: Side of the square that the network reads, in pixels.
        resize: Length that the short side is brought to before the centre is cut out, in pixels;
            `size` (the default) or more. ImageNet's networks use 256 for a size of 224.
        interpolation: Filter of the resizing, ``"bilinear"`` or ``"bicubic"``; it always averages
            over all pixels that it drops (antialias).
        mean: Mean of red, green and blue on the scale 0 to 1, subtracted.
        std: Deviation of red, green and blue on that scale, divided by.

    Raises:
        PreprocessingError: A field is outside its range.
    """

    size: int = field(validator=_pixels)
    # Without a margin, unless one is given.
    resize: int = field(default=attrs.Factory(_size_of, takes_self=True), validator=_pixels)
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, float, float] = field(
        converter=_one_a_channel, validator=_three_numbers(-1e6)
    )
    std: tuple[float, float, float] = field(
        converter=_one_a_channel, validator=_three_numbers(1e-6)
    )

    def __attrs_post_init__(self) -> None:
        """Check the fields against each other."""
        if self.resize < self.size:
            raise PreprocessingError(
                "`resize` must be at least `size` "
                f"(got resize={self.resize}, size={self.size} pixels)"
            )
        if self.interpolation not in get_args(Interpolation):
            raise PreprocessingError(
                f"`interpolation` must be one of {get_args(Interpolation)} "
                f"(got {self.interpolation!r})"
            )

    def at_size(self, size: int) -> Preprocessing:
        """Return the same for another input size, with the same share of the photo in view."""
        if size == self.size:
            return self
        return attrs.evolve(self, size=size, resize=round(self.resize * size / self.size))
