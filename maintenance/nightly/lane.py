"""`Lane`: a command with a name, a limit and needs; the table of them all is `lanes.toml`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

TABLE = Path(__file__).with_name("lanes.toml")


class UnknownLaneError(ValueError):
    """No lane has this name.

    Attributes:
        name: What was asked for.
        known: The names that there are.
    """

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        super().__init__(
            f"`lanes` must name some of {', '.join(known)}, or what they begin with "
            f"(got {name!r}){hint}"
        )
        self.name, self.known = name, tuple(known)


def _strings(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@frozen
class Lane:
    """One part of the nightly run, which needs no other.

    Attributes:
        name: Such as ``hypothesis-avx2``; ``hypothesis`` chooses all that begin so.
        about: What it holds, one line.
        command: The program and its arguments, run at the root of the repository.
        limit_s: Seconds after which it is ended.
        needs: What this machine must have, each a kind and a name; see `needs`.
        environment: Variables on top of those that are set.
    """

    name: str
    about: str
    command: tuple[str, ...] = field(converter=_strings)
    limit_s: float
    needs: tuple[str, ...] = field(default=(), converter=_strings)
    environment: Mapping[str, str] = field(factory=dict)

    def filled(self, words: Mapping[str, str]) -> Lane:
        """Return it with the words of its command in braces replaced: ``{python}``, ``{cases}``."""
        return evolve(self, command=tuple(part.format_map(words) for part in self.command))


def read_lanes(path: Path = TABLE) -> dict[str, Lane]:
    """Read a table of lanes.

    Args:
        path: A TOML file with a table ``[lane.NAME]`` for each.

    Returns:
        Lanes by name, in the order of the file.
    """
    tables: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["lane"]
    return {name: Lane(name=name, **fields) for name, fields in tables.items()}


def choose_lanes(lanes: Mapping[str, Lane], names: Sequence[str]) -> list[Lane]:
    """Choose lanes by name, or by the part of their names before a hyphen.

    Args:
        lanes: All lanes by name.
        names: What to choose; nothing chooses all.

    Returns:
        The chosen ones in the table's order.

    Raises:
        UnknownLaneError: A name chooses nothing.
    """
    for name in names:
        if not any(_matches(lane, name) for lane in lanes):
            raise UnknownLaneError(name, list(lanes))
    return [
        lane
        for key, lane in lanes.items()
        if not names or any(_matches(key, name) for name in names)
    ]


def _matches(lane: str, name: str) -> bool:
    return lane == name or lane.startswith(f"{name}-")
