"""Tables and progress bars with rich: tables on stdout, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress, ProgressColumn
    from rich.text import Text

#: Columns of text where nothing shows a width, as in a pipe: wide enough that no row is folded.
_WIDTH_OF_A_PIPE = 200


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, numbers: str = ""
) -> None:
    """Print a table.

    Args:
        title: Its title.
        columns: Heading of each column.
        rows: Text of each cell.
        numbers: Headings of the columns that are set flush right, separated by blanks.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=Text(title, style="bold"), title_justify="left")
    for column in columns:
        is_number = column in numbers.split()
        # Folded where there is no room, never cut off.
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    _print(table)


def print_facts(title: str, facts: Iterable[tuple[str, str | Text]]) -> None:
    """Print names and values, one a line."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(Text(f" {name}", style="dim"), value)
    _print(Text(title, style="bold"), grid)


def progress_bar(*columns: ProgressColumn | str) -> Progress:
    """Return a progress bar on stderr; it hides where stderr is no terminal, and when it is done.

    Args:
        columns: What it shows besides the bar, the numbers and the time left.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    return Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        "ETA",
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Show what is going on in one line on stderr, if that is a terminal; yields what sets it."""
    from rich.console import Console

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        yield lambda line: None
        return
    with console.status("") as status:
        yield status.update


def _print(*parts: RenderableType) -> None:
    from rich.console import Console

    is_terminal = sys.stdout is not None and sys.stdout.isatty()  # None: closed by the caller
    width = None if is_terminal else _WIDTH_OF_A_PIPE
    # Text is printed as it is: a file may be called "[red].jpg" or ":cat:.jpg".
    console = Console(markup=False, emoji=False, highlight=False, width=width)
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    # rich fills lines up with blanks, which are in the way of whoever copies or compares them.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
