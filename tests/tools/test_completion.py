"""What the shell completes, how it is asked, and that asking is quick."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete, get_completion_class
from click.testing import Result

from bnas import cells, search, zoo
from bnas.tools import known_names
from bnas.tools.main import main
from bnas.zoo.index import bundled_index

SPECS, BASELINES = list(cells.list_specs()), list(cells.list_baselines())
TAGGED = [entry.card.full_name for entry in bundled_index().entries if entry.card.tag]


def completed(arguments: list[str], incomplete: str) -> list[tuple[str, str]]:
    completion = ShellComplete(main, {}, "bnas-tools", "_BNAS_TOOLS_COMPLETE")
    found = completion.get_completions(arguments, incomplete)
    return [(item.type, item.value) for item in found]


@pytest.mark.parametrize(
    ("arguments", "incomplete", "expected"),
    [
        ([], "ev", ["evaluate"]),
        (["cost"], "bnas-m", ["BNAS-Mini"]),
        (["cost"], "", [*SPECS, *BASELINES]),
        (["cost"], "BNAS-A.", ["BNAS-A.float"]),
        (["cost", "--rule"], "", ["paper", "deployed"]),
        (["cost", "BNAS-A"], "--in", ["--input-size"]),
        (["info"], "bi-", ["Bi-Real-18", "Bi-Real-34"]),
        (["train", "--model"], "bi-", ["Bi-Real-18", "Bi-Real-34"]),
        (["train", "--genotype"], "", list(cells.genotypes)),
        (["train", "--recipe"], "plus", ["plus", "plus-cpu"]),
        (["search", "--recipe"], "", list(search.list_search_recipes())),
        (["draw", "BNAS-A"], "darts", ["darts-v2"]),
        (["draw"], "bnas-", ["bnas-cifar10", "bnas-imagenet"]),
        (["draw"], "Bnas-", SPECS),
        (["draw"], "Dar", ["DARTS-V2"]),
        (["predict", "--model"], "BNAS-B", ["BNAS-B"]),
        (["predict", "--model"], "", [*SPECS, *TAGGED]),
        (["export"], "bnas-mini.l", ["BNAS-Mini.lean"]),
        (["export", "BNAS-Mini", "--format"], "", ["c", "onnx", "torch"]),
        (["bench", "--runtime"], "packed,onnxruntime-", ["packed,onnxruntime-int8"]),
        (["reproduce"], "fig", [f"fig{number}" for number in range(1, 6)]),
        (["completion"], "", ["bash", "zsh", "fish"]),
    ],
)
def test_names_are_completed(arguments: list[str], incomplete: str, expected: list[str]) -> None:
    assert completed(arguments, incomplete) == [("plain", name) for name in expected]


@pytest.mark.parametrize(
    ("arguments", "incomplete", "kind"),
    [
        (["cost"], "spec", "file"),
        (["predict"], "", "file"),
        (["train", "--genotype"], "found/", "file"),
        (["train", "--data"], "ci", "dir"),
        (["search", "--out"], "", "dir"),
    ],
)
def test_the_shell_completes_paths(arguments: list[str], incomplete: str, kind: str) -> None:
    assert completed(arguments, incomplete) == [(kind, incomplete)]


def test_names_are_those_of_the_packages() -> None:
    assert list(known_names.weights("")) == TAGGED and TAGGED
    assert set(TAGGED) <= {zoo.card(name).full_name for name in TAGGED}
    assert set(known_names.recipes("")) == set(search.list_recipes())


def test_without_bnas_search_its_recipes_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert list(known_names.recipes("")) == list(known_names.search_recipes("")) == []
    assert list(known_names.weights("")) == []


@pytest.mark.parametrize("words", ["", "predict --model B", "cost B", "train --recipe p"])
def test_a_completion_loads_nothing_heavy(words: str) -> None:
    names = "numpy numba torch matplotlib PIL rich bnas.binops bnas.zoo bnas.search"
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: sys.stderr.write(' '.join("
        f"sorted(set('{names}'.split()) & set(sys.modules)))))\n"
        "from bnas.tools.main import main\nmain(prog_name='bnas-tools')"
    )
    asked = {"COMP_WORDS": f"bnas-tools {words}", "COMP_CWORD": str(max(1, len(words.split())))}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **asked, "_BNAS_TOOLS_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("plain,")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("shell", "arguments", "incomplete", "expected"),
    [
        # Bash breaks words at "=" and replaces the last one; the others replace the whole word.
        ("bash", ["cost", "--rule", "="], "pa", ["paper"]),
        ("bash", ["cost", "--rule"], "=", ["paper", "deployed"]),
        ("zsh", ["cost"], "--rule=pa", ["--rule=paper"]),
        ("fish", ["cost"], "--rule=", ["--rule=paper", "--rule=deployed"]),
        ("zsh", ["train"], "--data=ci", []),
    ],
)
def test_values_joined_to_their_option_are_completed(
    shell: str, arguments: list[str], incomplete: str, expected: list[str]
) -> None:
    kind = get_completion_class(shell)
    assert kind is not None
    found = kind(main, {}, "bnas-tools", "_BNAS_TOOLS_COMPLETE").get_completions(
        arguments, incomplete
    )
    assert [item.value for item in found] == expected


def test_zsh_completes_more_than_once(call: Callable[..., Result]) -> None:
    assert "== (loadautofunc|shfunc)" in call("completion", "zsh").stdout


def test_fish_keeps_values_with_commas(call: Callable[..., Result]) -> None:
    # fish itself is not everywhere: this is the line of its script that would cut them.
    assert 'string split --max 1 "," $completion' in call("completion", "fish").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_bnas_tools(
    call: Callable[..., Result], document: Callable[..., Any], shell: str
) -> None:
    script = call("completion", shell).stdout
    assert f"_BNAS_TOOLS_COMPLETE={shell}_complete" in script
    assert document("completion", shell) == {"shell": shell, "script": script[:-1]}


def test_bash_completes(tmp_path: Path) -> None:
    tool = tmp_path / "bnas-tools"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bnas.tools.main "$@"\n')
    tool.chmod(0o755)
    script = (
        'eval "$(bnas-tools completion bash)"\n'
        "COMP_WORDS=(bnas-tools info BNAS-Mini.) COMP_CWORD=2\n"
        '_bnas_tools_completion bnas-tools\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
        "complete -p bnas-tools"
    )
    paths = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    *names, registered = done.stdout.splitlines()
    assert names == ["BNAS-Mini.plus-cpu", "BNAS-Mini.lean", "BNAS-Mini.float"]
    assert registered == "complete -o nosort -F _bnas_tools_completion bnas-tools"
