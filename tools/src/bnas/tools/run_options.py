"""Options that the commands of long runs, `train` and `search`, share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from bnas.tools.durations import Duration

_Command = Callable[..., Any]
Option = Callable[[_Command], _Command]

device_option: Option = click.option(
    "--device", metavar="NAME", help="cpu, cuda, cuda:1; a GPU if there is one."
)
time_limit_option: Option = click.option(
    "--time-limit",
    "time_limit_s",
    type=Duration(),
    metavar="TIME",
    help="Stop with a checkpoint after so long; the same command goes on from it.",
)
cuda_graphs_option: Option = click.option(
    "--cuda-graphs",
    is_flag=True,
    help="Replay the compiled passes as CUDA graphs, on one GPU. Not measured yet.",
)
events_option: Option = click.option(
    "--events", is_flag=True, help="Write TensorBoard events to DIR/events."
)
skip_corrupt_option: Option = click.option(
    "--skip-corrupt", is_flag=True, help="Leave images out that cannot be decoded, and say so."
)


def set_option(what: str) -> Option:
    """Add ``--set``, the parameter `changes`."""
    return click.option("--set", "changes", metavar="FIELD=VALUE", multiple=True, help=what)


def with_options(options: Sequence[Option]) -> Option:
    """Return a decorator that adds options in the order in which help is to show them."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
