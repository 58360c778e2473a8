"""`Stopped`: how a command that the user interrupts ends."""

from __future__ import annotations

import click


class Stopped(click.ClickException):
    """Ctrl-C; the message says what is lost and what is not."""

    exit_code = 130  # As a shell has it: 128 and the number of the signal.
