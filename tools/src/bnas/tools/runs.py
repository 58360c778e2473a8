"""What the commands of long runs share: reading photos, Ctrl-C, and who speaks under torchrun."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bnas.tools.stopped import Stopped
from bnas.tools.tables import progress_bar


class Interrupted(Stopped):
    """Ctrl-C in a run with checkpoints."""

    def __init__(self, out_dir: str) -> None:
        """Look for the checkpoint of a run in a directory."""
        from bnas.search.long_run import CHECKPOINT_NAME

        path = Path(out_dir, CHECKPOINT_NAME)
        if path.is_file():
            super().__init__(f"interrupted; the same command goes on from {path}")
        else:
            super().__init__("interrupted before there was a checkpoint")


def leads() -> bool:
    """Return whether this process is the first of those that torchrun started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def tell(line: str) -> None:
    """Write a line to stderr, once however many processes there are."""
    if leads():
        click.echo(line, err=True)


def tell_skipped(paths: Iterable[Path]) -> None:
    """Name the photos that were left out."""
    for path in paths:
        tell(f"left out: {path} cannot be decoded")


@contextmanager
def reading_photos() -> Iterator[Callable[[int, int], None]]:
    """Show a bar of the photos read; yields what is to be called with their number and of all."""
    with progress_bar() as bar:
        task = bar.add_task("reading photos", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
