"""What a user of `bnas.tools` writes: the command is called from Python."""

from __future__ import annotations

from typing import assert_type

import click
from click.testing import CliRunner, Result

from bnas.tools.main import main


def run(*words: str) -> str:
    """Run `bnas-tools` in this process."""
    assert_type(main.get_command(click.Context(main), "cost"), click.Command | None)
    result = CliRunner().invoke(main, list(words))
    assert_type(result, Result)
    return result.output
