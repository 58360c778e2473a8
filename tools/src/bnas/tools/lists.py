"""Lists on the command line: several values in one word, with commas between them."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from bnas.tools.parameter_type import ParamType


class Numbers(ParamType[tuple[int, ...]]):
    """Converts ``1,8`` to (1, 8)."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers, >= 1, each once, as they were given."""
        if isinstance(value, tuple):
            return value
        numbers = [int(word) if word.strip().isdecimal() else 0 for word in str(value).split(",")]
        if min(numbers) < 1:
            self.fail(f"must be whole numbers >= 1 such as 1,8 (got {value!r})", param, ctx)
        return tuple(dict.fromkeys(numbers))


class Names(ParamType[tuple[str, ...]]):
    """Converts ``packed,torch`` to a tuple of names among those known.

    Args:
        known: The names; the shell completes the last one.
    """

    name = "names"

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names, each once, as they were given."""
        if isinstance(value, tuple):
            return value
        names = [word.strip() for word in str(value).split(",")]
        for name in names:
            if name not in self.known:
                self.fail(f"must be among {', '.join(self.known)} (got {name!r})", param, ctx)
        return tuple(dict.fromkeys(names))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Propose the names that the last word begins."""
        before, comma, last = incomplete.rpartition(",")
        names = [name for name in self.known if name.startswith(last)]
        return [CompletionItem(f"{before}{comma}{name}") for name in names]
