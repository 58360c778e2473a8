"""What the options of a run may hold, as attrs converters and validators."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import attrs

from bnas.search.errors import RecipeError
from bnas.search.recipe_fields import is_number


def seconds(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Allow None and a finite number of seconds, >= 0."""
    if value is not None and not (is_number(value) and value >= 0):
        raise RecipeError(
            f"`{attribute.name}` must be a finite number of seconds >= 0, or None (got {value!r})"
        )


def size(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Allow None and integers > 0."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (is_integer and value > 0):
        raise RecipeError(f"`{attribute.name}` must be an integer > 0, or None (got {value!r})")


def device_name(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Allow None and the name of a device."""
    if value is not None and not (isinstance(value, str) and value):
        raise RecipeError(
            f"`{attribute.name}` must be a name such as 'cpu' or 'cuda:1', or None (got {value!r})"
        )


def as_path(value: Any) -> Any:
    """Return text as a path, anything else as it is."""
    # An empty string stays one: as a path it would be the current directory.
    return Path(value) if isinstance(value, str | PathLike) and value else value


def file(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Allow None and a path."""
    if value is not None and not isinstance(value, Path):
        raise RecipeError(f"`{attribute.name}` must be the path of a file, or None (got {value!r})")
