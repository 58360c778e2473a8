"""Errors of `bnas.cells`: each is a builtin kind of error too and carries the values at fault."""

from __future__ import annotations

import copyreg
import difflib
from collections.abc import Iterable
from typing import Any

_MOST_LISTED = 20
#: Ratio of `difflib` from which a name is proposed. At 0.5, 'engine' would be for 'learnin_rate'
#: and 'restart_epochs' for 'epoch'; at 0.7, 'BNAS-Mini' would no longer be for 'mini'.
_LEAST_LIKENESS = 0.6


class CellsError(Exception):
    """Base of every error that `bnas.cells` raises on purpose.

    Args:
        message: One line: what is wrong, what was got, what is allowed or helps.
        **values: The values at fault; each is also an attribute of the exception.
    """

    def __init__(self, message: str, **values: object) -> None:
        """Keep the values as attributes."""
        super().__init__(message)
        self.__dict__.update(values)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pass from process to process whatever the arguments of the constructor are."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class GenotypeError(CellsError, ValueError):
    """A genotype that describes no valid cell; may have `cell`, `edge`, `concat` or `keys`."""


class SpecError(CellsError, ValueError):
    """A network specification outside its allowed range; may have `field` and `value`."""


class GraphError(CellsError, ValueError):
    """A graph whose nodes do not fit together; may have `node`, the name of the one at fault."""


class UnknownNameError(CellsError, KeyError):
    """A name that is not registered.

    Attributes:
        kind: What was looked up, for instance ``"model"``.
        name: The unknown name.
        known: Every name that exists.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        """Propose the nearest of the `known` names."""
        self.kind = kind
        self.name = name
        self.known: tuple[str, ...] = tuple(known)
        super().__init__(f"unknown {kind} {name!r}; {nearest_names(name, self.known)}")

    def __str__(self) -> str:
        """Return the message itself (KeyError would show its repr)."""
        return str(self.args[0])


def nearest_names(name: object, known: Iterable[str]) -> str:
    """Return a phrase that proposes the known names closest to `name`, or lists the first ones."""
    known = tuple(known)
    proposed = near_names(name, known)
    if proposed:
        return proposed
    more = f" and {len(known) - _MOST_LISTED} more" if len(known) > _MOST_LISTED else ""
    return "known names: " + ", ".join(known[:_MOST_LISTED]) + more


def near_names(name: object, known: Iterable[str]) -> str:
    """Return a question that proposes the known names closest to `name`, "" if none is close.

    Case does not count; three are proposed at most, the closest first. A name written out in full
    ("Convolution") is close to its short form ("Conv"), if no other is.
    """
    folded = {item.lower(): item for item in known}
    asked = str(name).lower()
    close = difflib.get_close_matches(asked, folded, n=3, cutoff=_LEAST_LIKENESS)
    if not close:
        close = [item for item in folded if len(item) > 2 and asked.startswith(item)]
    if not close:
        return ""
    return "did you mean " + " or ".join(repr(folded[item]) for item in close) + "?"
