"""Options and arguments that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from bnas.tools import known_names
from bnas.tools.known_names import Source
from bnas.tools.parameter_type import ParamType

_Command = TypeVar("_Command", bound=Callable[..., Any])


class FilePath(ParamType[str]):
    """Path of a file or directory, which the command itself opens; the shell completes it.

    Attributes:
        directory: Whether the shell proposes directories alone.
    """

    name = "file"

    def __init__(self, *, directory: bool = False) -> None:
        """Complete files and directories, or directories alone."""
        self.directory = directory

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the path; an empty one would mean the current directory, which nobody means."""
        if not str(value):
            self.fail("must be a path (got '')", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell propose files."""
        return [CompletionItem(incomplete, type="dir" if self.directory else "file")]


class NameOrFile(FilePath):
    """A name that is known, or a file instead of it; the shell completes both.

    Attributes:
        sources: What tells the names.
    """

    def __init__(self, *sources: Source) -> None:
        """Complete the names of these sources, and files."""
        super().__init__()
        self.sources = sources

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Propose the names that begin so; files, if there are none.

        Not both at once: bash drops one of them.
        """
        names = [name for source in self.sources for name in source(incomplete)]
        fitting = _beginning_alike(names, incomplete)
        return [CompletionItem(name) for name in fitting] or super().shell_complete(
            ctx, param, incomplete
        )


def _beginning_alike(names: list[str], typed: str) -> list[str]:
    """Return the names that begin as typed; in another case only where none begins just so.

    Never names in two cases: zsh replaces the word by what all of them begin with, and ``bnas-``
    would be gone where ``BNAS-A`` and ``bnas-cifar10`` are proposed.
    """
    exact = [name for name in names if name.startswith(typed)]
    if exact:
        return exact
    fitting = [name for name in names if name.lower().startswith(typed.lower())]
    return [name for name in fitting if name.startswith(fitting[0][: len(typed)])]


class ModelName(NameOrFile):
    """Name of a network, or a file instead of it."""

    name = "model"

    def __init__(self, *more: Source) -> None:
        """Complete the networks of the paper, the names of more sources, and files."""
        super().__init__(known_names.networks, *more)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; the command says which there are."""
        return str(value)


def json_option(command: _Command) -> _Command:
    """Add ``--json``, the parameter `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document instead of a table."
    )(command)


def machine_option(command: _Command) -> _Command:
    """Add ``--machine``, the parameter `machine`."""
    return click.option(
        "--machine", metavar="NAME", help="This machine's name; default: its processor's."
    )(command)


def weights_option(command: _Command) -> _Command:
    """Add ``--weights``, the parameter `weights`."""
    return click.option(
        "--weights",
        type=FilePath(),
        metavar="FILE",
        help="A weights file of your own, instead of the zoo's.",
    )(command)


def model_option(command: _Command) -> _Command:
    """Add ``--model``, the parameter `model`."""
    return click.option(
        "--model",
        type=ModelName(known_names.weights),
        metavar="NAME",
        help="The zoo's model, such as BNAS-A.  [default: BNAS-Mini, or what FILE holds]",
    )(command)


def out_option(what: str) -> Callable[[_Command], _Command]:
    """Add the required ``-o``, the parameter `out`."""
    return click.option("-o", "--out", type=FilePath(), metavar="FILE", required=True, help=what)
