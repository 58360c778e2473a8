"""Validators of the fields of specifications, and the bounds that they hold to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import attrs

from bnas.cells.errors import SpecError

# A damaged or hostile specification must not fill the memory with layers; far above any real one.
MAX_BLOCKS = 1_000
MAX_CHANNELS = 65_536
MAX_CLASSES = 10_000_000

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def choice(literal: Any) -> Validator:
    """Return a validator that lets the values of a `Literal` pass.

    Args:
        literal: The `Literal`.
    """
    allowed = get_args(literal)

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value not in allowed:
            raise SpecError(
                f"`{attribute.name}` must be one of {allowed} (got {value!r})",
                field=attribute.name,
                value=value,
            )

    return check


def between(minimum: int, maximum: int) -> Validator:
    """Return a validator that lets integers pass, both bounds included.

    Args:
        minimum: Smallest allowed value.
        maximum: Largest allowed value.
    """

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not is_between(value, minimum, maximum):
            raise SpecError(
                f"`{attribute.name}` must be an integer from {minimum} to {maximum} "
                f"(got {value!r})",
                field=attribute.name,
                value=value,
            )

    return check


def is_between(value: object, minimum: int, maximum: int) -> bool:
    """Return whether `value` is an integer (and no bool) from `minimum` to `maximum`."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return minimum <= value <= maximum
