"""Errors of every kind, as the group of commands tells them."""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bnas import binops, cells, search, zoo
from bnas.tools.group import OneLineGroup
from bnas.tools.main import main


def failing(error: BaseException) -> click.Group:
    group = OneLineGroup("tool")

    @group.command("fail")
    def fail() -> None:
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (binops.BinopsError("bits"), "bits"),
        (cells.GenotypeError("cell"), "cell"),
        (search.DataError("data"), "data"),
        (zoo.ZooError("weights\n  and more"), "weights and more"),
        (FileNotFoundError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
        (PermissionError(), "PermissionError"),
        (click.ClickException("two\nlines"), "two lines"),
    ],
)
@pytest.mark.parametrize("debug", ["", "1"])
def test_foreseen_errors_are_one_line(error: Exception, told: str, debug: str) -> None:
    result = CliRunner(env={"BNAS_DEBUG": debug}).invoke(failing(error), ["fail"])
    assert result.exit_code == 1
    assert result.stderr == f"Error: {told}\n"


def test_parameters_are_named_as_options() -> None:
    group = OneLineGroup("tool")

    @group.command("fail")
    @click.option("-o", "--out", "out_dir")
    @click.argument("data")
    def fail(data: str, out_dir: str) -> None:
        raise search.DataError("`out_dir`, `out_dirs` and `data`:\n  - a\n b\n  - `out_dir`")

    result = CliRunner().invoke(group, ["fail", "x"])
    assert result.stderr == "Error: `--out`, `out_dirs` and `data`:\n  - a b\n  - `--out`\n"


def test_unforeseen_errors_are_one_line_too() -> None:
    runner = CliRunner(env={"BNAS_DEBUG": ""})
    result = runner.invoke(failing(ZeroDivisionError("by\nzero")), ["fail"])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ZeroDivisionError: by zero (")
    assert "BNAS_DEBUG=1" in line


def test_unforeseen_errors_keep_their_traceback_for_debugging() -> None:
    error = ZeroDivisionError("by zero")
    result = CliRunner(env={"BNAS_DEBUG": "1"}).invoke(failing(error), ["fail"])
    assert result.exception is error


def test_ctrl_c_is_no_error_of_ours() -> None:
    result = CliRunner().invoke(failing(KeyboardInterrupt()), ["fail"])
    assert result.exit_code == 1
    assert result.stderr.strip() == "Aborted!"


@pytest.mark.parametrize(
    ("arguments", "told", "help_of"),
    [
        (["--none"], "--none", "tool"),
        (["none"], "No such command 'none'", "tool"),
        (["fail", "more"], "unexpected extra argument (more)", "tool fail"),
    ],
)
def test_usage_errors_are_one_line(arguments: list[str], told: str, help_of: str) -> None:
    result = CliRunner().invoke(failing(ValueError()), arguments, prog_name="tool")
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert told in line
    assert line.endswith(f"(see `{help_of} --help`)")


def test_version_is_that_of_the_distribution(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parents[2] / "tools" / "pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)["project"]["version"]
    monkeypatch.setattr(importlib.metadata, "version", {"bnas-tools": declared}.__getitem__)
    assert call("--version").stdout == f"bnas-tools {declared}\n"


def test_version_of_a_source_tree_is_unknown(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert call("--version").stdout.startswith("bnas-tools unknown")


def test_without_a_command_it_explains_itself(call: Callable[..., Result]) -> None:
    assert call().stdout == call("--help").stdout
    assert all(name in call().stdout for name in main.commands)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_explains_itself(call: Callable[..., Result], name: str) -> None:
    text = call(name, "--help").stdout
    assert f"Usage: bnas-tools {name}" in text
    assert "--json" in text
    short = main.commands[name].get_short_help_str(limit=80)
    assert short in call("--help").stdout
