"""The command line as stubs: a command is a function, an option one of its named parameters."""

from __future__ import annotations

import keyword
from typing import Any


def command_stubs() -> list[str]:
    """Write every command of `bnas-tools` with its arguments and the names of its options."""
    import click

    from bnas.tools.main import main

    lines = [_stub(main, "bnas_tools", {"help"})]
    with click.Context(main) as context:
        for name in main.list_commands(context):
            command = main.get_command(context, name)
            lines.append(_stub(command, name, set()))
    return lines


def _stub(command: Any, name: str, known: set[str]) -> str:
    placed, named = [], []
    for parameter in command.params:
        kind = _kind(parameter.type)
        if parameter.param_type_name == "argument":
            text = f"{_identifier(parameter.name)}: {kind}"
            placed.append(text if parameter.required else f"{text} = ...")
            continue
        for option in sorted({*parameter.opts, *parameter.secondary_opts} - known):
            needed = parameter.required and option == max(parameter.opts, key=len)
            text = f"{_identifier(option)}: {kind}"
            named.append(text if needed else f"{text} = {_default(parameter)}")
    inside = ", ".join([*placed, *(["*"] if named else []), *sorted(named)])
    return f"def {_identifier(name)}({inside}): ..."


def _identifier(text: str) -> str:
    name = text.lstrip("-").replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def _kind(kind: Any) -> str:
    choices = getattr(kind, "choices", None)
    if choices:
        return f"Literal[{', '.join(repr(str(choice)) for choice in choices)}]"
    return str(kind.name).replace(" ", "_")


def _default(parameter: Any) -> str:
    default = parameter.default
    return repr(default) if isinstance(default, bool | int | float | str) else "..."
