"""The five distributions of a checkout: where each lies and what it declares."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableSequence, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs
from packaging.requirements import Requirement

#: In the order in which they can be released: nobody before those that it needs.
NAMES = ("binops", "cells", "search", "zoo", "tools")


@attrs.frozen
class Distribution:
    """One distribution of a checkout.

    Args:
        name: Its short name: "binops" is the distribution bnas-binops and the import bnas.binops.
        tree: Root of the checkout.
    """

    name: str
    tree: Path

    @property
    def root(self) -> Path:
        """The folder of its pyproject.toml."""
        return self.tree / self.folder

    @property
    def folder(self) -> str:
        """That folder's path in the tree, as git writes it."""
        return "tools" if self.name == "tools" else f"packages/{self.name}"

    @property
    def title(self) -> str:
        """The distribution's name on an index."""
        return f"bnas-{self.name}"

    @property
    def pyproject(self) -> dict[str, Any]:
        """Its pyproject.toml, read anew."""
        return tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def version(self) -> str:
        """The version that its pyproject states."""
        return str(self.pyproject["project"]["version"])

    @property
    def public_modules(self) -> list[str]:
        """The public modules beside `bnas.<name>` itself, dotted below it ("tape")."""
        return list(self.pyproject.get("tool", {}).get("bnas", {}).get("public-modules", []))

    @property
    def requirements(self) -> list[Requirement]:
        """What it needs without any extra."""
        return [Requirement(line) for line in self.pyproject["project"]["dependencies"]]

    @property
    def extras(self) -> dict[str, list[Requirement]]:
        """What each of its extras brings."""
        declared = self.pyproject["project"].get("optional-dependencies", {})
        return {extra: [Requirement(line) for line in lines] for extra, lines in declared.items()}


def requirement_lists(pyproject: Mapping[str, Any]) -> list[MutableSequence[Any]]:
    """Find the lists of requirements in a parsed pyproject: its own first, then its extras'."""
    project = pyproject["project"]
    return [project["dependencies"], *project.get("optional-dependencies", {}).values()]


def requirements_of(pyproject: Mapping[str, Any]) -> list[Requirement]:
    """Read all that a parsed pyproject asks for, its extras included."""
    return [Requirement(line) for lines in requirement_lists(pyproject) for line in lines]


class UnknownDistributionError(ValueError):
    """Names that are none of the five; the message says so in one line.

    Attributes:
        names: What was asked for and is not there.
        known: The names that there are.
    """

    def __init__(self, names: Sequence[str]) -> None:
        # Near enough for a distribution's title, too: "bnas-zoo".
        near = [each for name in names for each in get_close_matches(name, NAMES, 1, 0.5)]
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(
            f"`PKG` must be one of {', '.join(NAMES)} (got {', '.join(map(repr, names))}){hint}"
        )
        self.names, self.known = tuple(names), NAMES


def distributions(tree: Path) -> dict[str, Distribution]:
    """Name the distributions of a checkout, in the order in which they can be released."""
    return {name: Distribution(name, tree) for name in NAMES}


def chosen(tree: Path, names: Sequence[str]) -> list[Distribution]:
    """Name some distributions of a checkout, in the order given; all of them for no name.

    Raises:
        UnknownDistributionError: If one is none of the five.
    """
    if unknown := [name for name in dict.fromkeys(names) if name not in NAMES]:
        raise UnknownDistributionError(unknown)
    return [distributions(tree)[name] for name in names or NAMES]
