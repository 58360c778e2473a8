"""The README has an example of every command, with options that exist; `tests/docs` runs them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from bnas.tools.main import main

README = Path(__file__).parents[2] / "tools" / "README.md"
EXAMPLES = dict(
    re.findall(
        r"```console\n\$ bnas-tools (.*)\n((?:.*\n)*?)```", README.read_text(encoding="utf-8")
    )
)


def command_of(example: str) -> str:
    return shlex.split(example.removesuffix("\\"))[0]


def test_every_command_has_an_example() -> None:
    assert {command_of(example) for example in EXAMPLES} == set(main.commands)


def test_options_of_the_examples_exist() -> None:
    for example in EXAMPLES:
        command = main.commands[command_of(example)]
        known = {name for parameter in command.params for name in parameter.opts}
        used = [word for word in shlex.split(example.removesuffix("\\")) if word.startswith("-")]
        assert set(used) <= known, example
