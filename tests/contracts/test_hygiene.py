"""What no file of the tree may hold: paths of one machine, pickles, prints, text run as code."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Package

# Put together here, so that this file does not hold what it looks for.
PLACES = ("work", "opt", "farm", "root", "home", "Users", "mnt", "srv")
MACHINE_PATH = re.compile(rf"(?<![\w.~$)}}*/-])/(?:{'|'.join(PLACES)})/\w")
LINK_TO_FILE = "file:" + "///"
UNFINISHED = re.compile("|".join(("NotImplemented" + "Error", r"\bTO" + r"DO\b", r"\bFIX" + "ME")))
SKIPPED = re.compile(r"pytest\.(?:sk" + r"ip|mark\.sk" + r"ip|mark\.xf" + r"ail)")
UNSAFE_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
# The error that torch.load(weights_only=True) raises for a file that holds more than weights.
HARMLESS = {"pickle.UnpicklingError"}


def text_of(tree: list[Path]) -> dict[Path, str]:
    """Read every file that is text."""
    texts = {}
    for path in tree:
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            texts[path] = content.decode("utf-8", errors="replace")
    return texts


def told(root: Path, texts: dict[Path, str], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()[:100]}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_a_place_on_one_machine(tree: list[Path], root: Path) -> None:
    texts = {path: text for path, text in text_of(tree).items() if path.suffix != ".lock"}
    assert told(root, texts, MACHINE_PATH) == []
    assert told(root, texts, re.compile(re.escape(LINK_TO_FILE) + r"\w")) == []


@pytest.mark.parametrize("place", PLACES)
def test_the_pattern_finds_machine_paths(place: str) -> None:
    path = f"/{place}/something"
    assert MACHINE_PATH.search(f"cd {path}")
    assert MACHINE_PATH.search(f'read("{path}")')
    assert not MACHINE_PATH.search(f"packages{path}")
    assert not MACHINE_PATH.search(f"/usr{path}")


def test_no_source_is_unfinished(tree: list[Path], root: Path) -> None:
    texts = {path: text for path, text in text_of(tree).items() if path.suffix == ".py"}
    assert told(root, texts, UNFINISHED) == []
    assert told(root, texts, SKIPPED) == []


def calls(package: Package) -> list[tuple[Path, ast.Call]]:
    return [
        (path, node)
        for path in package.files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def test_packages_do_not_print(package: Package) -> None:
    assert [(p, c.lineno) for p, c in calls(package) if ast.unparse(c.func) == "print"] == []


def test_packages_load_no_pickle(package: Package) -> None:
    unsafe = [f for f in package.imports if f.module.split(".")[0] in UNSAFE_MODULES]
    wrong = [str(found) for found in unsafe if found.module not in HARMLESS]
    for path, call in calls(package):
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        loads_code = (
            ast.unparse(call.func) == "torch.load" and keywords.get("weights_only") != "True"
        )
        if loads_code or keywords.get("allow_pickle", "False") != "False":
            wrong.append(f"{path}:{call.lineno}")
    assert wrong == []


def test_packages_run_no_text_as_code(package: Package) -> None:
    named = [(path, call.lineno, ast.unparse(call.func)) for path, call in calls(package)]
    assert [each for each in named if each[2] in {"eval", "__import__"}] == []
