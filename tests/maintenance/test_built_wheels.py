"""A wheel that lacks a file, holds a stranger's or has another version is seen."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from maintenance.built_wheels import faults

NAMES = ("bnas/cells/__init__.py", "bnas/cells/data/index.json")
METADATA = "bnas_cells-1.2.0.dist-info/METADATA"
WHEEL = "bnas_cells-1.2.0-py3-none-any.whl"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout of one distribution, with what a source folder holds beside its files."""
    package = tmp_path / "packages" / "cells"
    for name in (*NAMES, "bnas/cells/BUILD", "bnas/cells/__pycache__/graph.pyc"):
        path = package / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    text = '[project]\nname = "bnas-cells"\nversion = "1.2.0"\n'
    (package / "pyproject.toml").write_text(text, encoding="utf-8")
    (tmp_path / "dist").mkdir()
    return tmp_path


def found(tree: Path, *names: str, wheel: str = WHEEL) -> list[str]:
    with zipfile.ZipFile(tree / "dist" / wheel, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return list(faults(tree, tree / "dist"))


def test_a_wheel_of_its_folder_is_fine(tree: Path) -> None:
    assert found(tree, *NAMES, METADATA) == []


def test_a_missing_data_file_is_named(tree: Path) -> None:
    (told,) = found(tree, NAMES[0], METADATA)
    assert told.startswith(f"{WHEEL} must hold bnas/cells/data/index.json")


@pytest.mark.parametrize("name", ["bnas/__init__.py", "bnas/zoo/x.py", "bnas/cells/BUILD"])
def test_what_is_another_s_is_named(tree: Path, name: str) -> None:
    (told,) = found(tree, *NAMES, METADATA, name)
    assert told.startswith(f"{WHEEL} must not hold {name}")


def test_another_version_is_no_substitute(tree: Path) -> None:
    old = "bnas_cells-1.1.0-py3-none-any.whl"
    missing, other = found(tree, *NAMES, METADATA, wheel=old)
    assert missing.endswith(f"must hold {WHEEL}")
    assert other.endswith(f"(got {old})")
