"""The reference of the commands, from the command itself: what ``--help`` says, as a page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import click

#: Stands in a page where the reference belongs.
PLACE = "<!-- the commands -->"


def reference(main: click.Group, name: str) -> str:
    """Return a section for every command of a group, in Markdown.

    Args:
        main: The group.
        name: How it is called in a shell.
    """
    parent = click.Context(main, info_name=name, **main.context_settings)
    parts = [_section(main, parent)]
    for command_name in main.list_commands(parent):
        command = main.get_command(parent, command_name)
        assert command is not None
        context = click.Context(command, info_name=command_name, parent=parent)
        parts.append(_section(command, context))
    return "\n".join(parts)


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = list(_rows(command, context))
    lines = [f"## {context.command_path}", "", *_paragraphs(command.help or "")]
    lines += ["```text", usage, "```", ""]
    if rows:
        lines += ["| option | what for |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield _plain(paragraph.replace("\b", ""))
        yield ""


def _rows(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield a row of the table for every option that ``--help`` shows."""
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if isinstance(option, click.Option) and record is not None:
            names, text = record
            # Inside of code a bar does not end a cell.
            yield f"| `{names}` | {_plain(text).replace('|', '&#124;')} |"


def _plain(text: str) -> str:
    """Return text as Markdown shows it: in one line, with no HTML and no emphasis in it."""
    shown = html.escape(" ".join(text.split()), quote=False)
    # A word of code keeps its backticks; a star or an underscore outside means itself.
    parts = re.split(r"(`[^`]*`)", shown)
    return "".join(
        html.unescape(part) if part.startswith("`") else re.sub(r"([*_\[\]])", r"\\\1", part)
        for part in parts
    )
