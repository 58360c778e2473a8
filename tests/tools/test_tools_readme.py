"""The README's examples are what the command says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from bnas.tools.main import main

README = Path(__file__).parents[2] / "tools" / "README.md"
EXAMPLES = dict(
    re.findall(
        r"```console\n\$ bnas-tools (.*)\n((?:.*\n)*?)```", README.read_text(encoding="utf-8")
    )
)
# What others say depends on the weights, the machine or the files that are there.
ALWAYS_THE_SAME = {"cost", "draw", "reproduce"}


def command_of(example: str) -> str:
    return shlex.split(example.removesuffix("\\"))[0]


def test_every_command_has_an_example() -> None:
    assert {command_of(example) for example in EXAMPLES} == set(main.commands)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if command_of(e) in ALWAYS_THE_SAME])
def test_the_example_is_true(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, shlex.split(example), prog_name="bnas-tools")
    assert result.output.rstrip() == EXAMPLES[example].rstrip()


def test_options_of_the_examples_exist() -> None:
    for example in EXAMPLES:
        command = main.commands[command_of(example)]
        known = {name for parameter in command.params for name in parameter.opts}
        used = [word for word in shlex.split(example.removesuffix("\\")) if word.startswith("-")]
        assert set(used) <= known, example
