"""`OneLineGroup`: a Click group in which every mistake of the user ends in one line."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from typing import Any

import click

#: Base error of each package. A package that is not loaded cannot have raised anything.
_BASE_ERRORS = {
    "bnas.binops.errors": "BinopsError",
    "bnas.cells.errors": "CellsError",
    "bnas.search.errors": "SearchError",
    "bnas.tools.bench.errors": "BenchError",
    "bnas.tools.reproduce.errors": "ReproduceError",
    "bnas.zoo.errors": "ZooError",
}

_ITEM = "\n  - "


class OneLineGroup(click.Group):
    """A group that turns errors into one line ``Error: …`` on stderr.

    Exit code 2 for a wrong call, 1 for everything else. An error that nobody foresaw is one line
    too, unless ``BNAS_DEBUG=1`` asks for its traceback. Items of a list, which begin with
    ``  - ``, have lines of their own.

    The packages name the parameters of their functions in backticks. Where a command has an option
    whose parameter has that name, the message names the option instead.
    """

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the options of the group."""
        with one_line_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse and run a command."""
        with one_line_errors():
            try:
                return super().invoke(ctx)
            except _known_errors() as error:
                command = self.get_command(ctx, ctx.invoked_subcommand or "")
                raise _failure(_with_options(str(error), command)) from error


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Raise whatever error leaves the block as a `click.ClickException` of one line."""
    try:
        yield
    except click.UsageError as error:
        raise _failure(_with_hint(error), error.exit_code) from error
    except click.ClickException as error:
        raise _failure(error.format_message(), error.exit_code) from error
    except (click.Abort, click.exceptions.Exit, BrokenPipeError):
        raise  # Click ends these quietly
    except Exception as error:
        if isinstance(error, (OSError, *_known_errors())):
            raise _failure(str(error) or type(error).__name__) from error
        if os.environ.get("BNAS_DEBUG") == "1":
            raise
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "this is a mistake of bnas-tools; BNAS_DEBUG=1 shows where"
        raise _failure(f"{what} ({hint})") from error


def message_of(error: Exception, command: click.Command) -> str:
    """Return what is said of an error that a command raises elsewhere than in this group."""
    try:
        with one_line_errors():
            if isinstance(error, _known_errors()):
                raise _failure(_with_options(str(error), command)) from error
            raise error
    except click.ClickException as failure:
        return failure.format_message()


def tools_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return importlib.metadata.version("bnas-tools")
    except importlib.metadata.PackageNotFoundError:
        return "unknown (not installed, run from its source)"


def _known_errors() -> tuple[type[Exception], ...]:
    return tuple(
        getattr(sys.modules[module], name)
        for module, name in _BASE_ERRORS.items()
        if module in sys.modules
    )


def _with_hint(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    if error.ctx is None or not error.ctx.help_option_names:
        return message
    return f"{message} (see `{error.ctx.command_path} {error.ctx.help_option_names[0]}`)"


def _with_options(message: str, command: click.Command | None) -> str:
    """Return the message with options in place of the parameters that they set."""
    for param in command.params if command else ():
        if isinstance(param, click.Option):
            message = message.replace(f"`{param.name}`", f"`{param.opts[-1]}`")
    return message


def _failure(message: str, exit_code: int = 1) -> click.ClickException:
    first, *items = message.split(_ITEM)
    lines = [" ".join(each.split()) for each in (first, *items)]
    failure = click.ClickException(_ITEM.join(lines))
    failure.exit_code = exit_code  # type: ignore[misc]  # Click reads it from the instance
    return failure
