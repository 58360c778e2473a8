"""What the fields of a recipe may hold, as attrs converters and validators."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any, get_args

import attrs

from bnas.search.errors import RecipeError

#: (fraction of the epochs, side in pixels) of successive stages.
Resolutions = tuple[tuple[float, int], ...]
#: Pixels; the largest side to which images are resized, and the widest frame around them.
LARGEST_SIDE = 4096
#: Of epochs, and of images a step: beyond what anyone trains with, a slip of the keyboard.
LARGEST_COUNT = 1_000_000

Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def choice(literal: Any) -> Check:
    """Allow the strings of a `Literal`."""
    allowed = get_args(literal)

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in allowed:
            raise RecipeError(f"`{attribute.name}` must be one of {allowed} (got {value!r})")

    return check


def integer(minimum: int, maximum: int) -> Check:
    """Allow integers from `minimum` to `maximum`."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if not is_integer or not minimum <= value <= maximum:
            raise RecipeError(
                f"`{attribute.name}` must be an integer >= {minimum} and <= {maximum} "
                f"(got {value!r})"
            )

    return check


def real(minimum: float, maximum: float = math.inf, *, above: bool = False) -> Check:
    """Allow finite numbers of a range, without its minimum if `above`."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        within = is_number(value) and minimum <= value <= maximum
        if within and not (above and value == minimum):
            return
        sign = ">" if above else ">="
        bound = "" if maximum == math.inf else f" and <= {maximum}"
        raise RecipeError(
            f"`{attribute.name}` must be a number {sign} {minimum}{bound} (got {value!r})"
        )

    return check


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number, which true and false are not."""
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and abs(value) <= sys.float_info.max


def as_float(value: Any) -> Any:
    """Return a number as a float, anything else as it is.

    Numbers that are equal are then written alike: 1 as 1.0, and -0.0 as 0.0.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    try:
        return float(value) + 0.0
    except OverflowError:
        return math.inf


def flag(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Allow true and false."""
    if not isinstance(value, bool):
        raise RecipeError(f"`{attribute.name}` must be true or false (got {value!r})")


def stages(value: Iterable[Any]) -> Resolutions:
    """Return pairs as tuples."""
    try:
        return tuple((as_float(fraction), side) for fraction, side in value)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"`resolutions` must be pairs (fraction of the epochs, side in pixels) (got {value!r})"
        ) from error


def check_stages(_: Any, __: Any, stages: Resolutions) -> None:
    """Refuse stages whose fractions do not sum to 1, or of images too small."""
    for fraction, side in stages:
        if not is_number(fraction) or not 0 < fraction <= 1:
            raise RecipeError(
                f"a fraction in `resolutions` must be > 0 and <= 1 (got {fraction!r})"
            )
        if not isinstance(side, int) or isinstance(side, bool) or not 8 <= side <= LARGEST_SIDE:
            raise RecipeError(
                f"a side in `resolutions` must be an integer >= 8 and <= {LARGEST_SIDE} "
                f"(got {side!r})"
            )
    total = sum(fraction for fraction, _ in stages)
    if stages and abs(total - 1) > 1e-6:
        raise RecipeError(f"the fractions in `resolutions` must sum to 1 (got {total})")


def numbers(count: int, maximum: float) -> Check:
    """Allow nothing, or `count` numbers from 0 to `maximum`."""

    def check(_: Any, attribute: attrs.Attribute[Any], values: Any) -> None:
        fit = all(is_number(value) and 0 <= value <= maximum for value in values)
        if len(values) not in (0, count) or not fit:
            raise RecipeError(
                f"`{attribute.name}` must be empty or {count} numbers >= 0 and <= {maximum} "
                f"(got {list(values)!r})"
            )

    return check


def as_tuple(value: Any) -> Any:
    """Return a list of numbers as a tuple of floats, anything else in a tuple of its own."""
    return tuple(map(as_float, value if isinstance(value, list | tuple) else (value,)))
