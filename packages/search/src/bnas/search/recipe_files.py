"""Recipes as data: TOML files, those of the package among them, and changes of single fields."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import attrs

from bnas.cells.errors import near_names
from bnas.search.errors import RecipeError


def read_fields(source: str | Path, folder: str) -> dict[str, Any]:
    """Return the fields of a recipe as they were written.

    Args:
        source: A TOML file, or the name of a recipe of the package.
        folder: Where the package keeps recipes of this kind.

    Raises:
        RecipeError: No such recipe, or a file that cannot be read or is not TOML in UTF-8.
    """
    content = _read(source, folder)
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: bytes that are no UTF-8, and numbers of thousands of digits.
        raise RecipeError(f"{source} is not TOML ({error})") from error


def check_names(kind: type[Any], data: Mapping[str, Any]) -> None:
    """Refuse what is no field of a recipe of this kind, and propose the nearest ones.

    Raises:
        RecipeError: There is such a name, or the number of epochs is missing.
    """
    allowed = [item.name for item in attrs.fields(kind)]
    for name in sorted(set(data) - set(allowed)):
        proposed = f"{near_names(name, allowed)} its fields: {allowed}".lstrip()
        raise RecipeError(f"{name!r} is no field of a recipe; {proposed}")
    if "epochs" not in data:
        raise RecipeError("a recipe must say its number of `epochs` (got none)")


def read_changes(changes: Iterable[str]) -> dict[str, Any]:
    """Return the fields of changes such as ``epochs=20``; strings may go without quotes.

    Raises:
        RecipeError: One is not a field and a value.
    """
    fields: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise RecipeError(f"a change of a recipe must be FIELD=VALUE (got {change!r})")
        try:
            fields[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except (ValueError, RecursionError):
            fields[name.strip()] = value.strip()
    return fields


def list_files(folder: str) -> tuple[str, ...]:
    """Return the names of the recipes in a folder of the package, sorted."""
    names = (entry.name for entry in _shipped(folder).iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in names))


def _read(source: str | Path, folder: str) -> bytes:
    names = list_files(folder)
    if isinstance(source, str) and source in names:
        content: bytes = (_shipped(folder) / f"{source}.toml").read_bytes()
        return content
    try:
        if Path(source).is_file():
            return Path(source).read_bytes()
    except OSError as error:
        raise RecipeError(f"the recipe {source} cannot be read ({error.strerror})") from error
    refused = f"a recipe must be a TOML file or one of {names} (got {str(source)!r})"
    proposed = near_names(source, names)
    raise RecipeError(f"{refused}; {proposed}" if proposed else refused)


def _shipped(folder: str) -> Any:
    return resources.files("bnas.search") / folder
