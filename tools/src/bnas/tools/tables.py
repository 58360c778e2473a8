"""Tables and progress bars with rich: tables on stdout, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn
    from rich.text import Text

#: Columns of text where nothing shows a width, as in a pipe: wide enough that no row is folded.
_WIDTH_OF_A_PIPE = 200


def stdout_console() -> Console:
    """Return a console on stdout that prints text as it is: no markup, no emoji."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
    return Console(markup=False, emoji=False, highlight=False, width=width)


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
        justify = "right" if column in numbers.split() else "left"
        table.add_column(column, justify=justify, overflow="fold")  # folded, never cut off
    for row in rows:
        table.add_row(*row)
    stdout_console().print(table)


def print_facts(title: str, facts: Iterable[tuple[str, str | Text]]) -> None:
    """Print names and values, one a line."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(Text(f" {name}", style="dim"), value)
    console = stdout_console()
    console.print(Text(title, style="bold"))
    console.print(grid)


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
