"""`Stopped`: how a command that the user interrupts ends."""

from __future__ import annotations

import os
from typing import Self

import click


class Stopped(click.ClickException):
    """Ctrl-C; the message says what is lost and what is not."""

    exit_code = 130  # As a shell has it: 128 and the number of the signal.

    @classmethod
    def keeping(cls, out: str | os.PathLike[str]) -> Self:
        """Return the end of a command that goes on with what it has written."""
        shown = click.format_filename(out)
        return cls(f"interrupted; the same command goes on with {shown}")
