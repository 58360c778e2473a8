"""Errors raised by `bnas.cells`; each is a builtin exception too."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CellsError(Exception):
    """Base of every error that `bnas.cells` raises on purpose."""


class GenotypeError(CellsError, ValueError):
    """A genotype that describes no valid cell."""


class SpecError(CellsError, ValueError):
    """A network specification with a field outside its allowed range."""


class GraphError(CellsError, ValueError):
    """A graph whose nodes do not fit together."""


class UnknownNameError(CellsError, KeyError):
    """A name that is not registered.

    Attributes:
        kind: What was looked up, for instance ``"model"``.
        name: The unknown name.
        known: Every name that exists.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        super().__init__(f"unknown {kind} {name!r}; {nearest_names(name, self.known)}")

    def __str__(self) -> str:
        """Return the message itself (KeyError would show its repr)."""
        return str(self.args[0])


def nearest_names(name: object, known: Iterable[str]) -> str:
    """Return a phrase that proposes the known names closest to `name`, or lists all of them."""
    known = tuple(known)
    folded = {item.lower(): item for item in known}
    close = difflib.get_close_matches(str(name).lower(), folded, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(folded[item]) for item in close) + "?"
    return "known names: " + ", ".join(known)
