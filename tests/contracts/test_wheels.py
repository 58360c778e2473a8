"""Every wheel holds its own folder of the namespace, and works alone in a clean environment."""

from __future__ import annotations

import email.parser
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Package

# What each wheel asks for of this tree. These are handed to pip as files: looked for by name, a
# stranger's distribution of the same name and a higher version would be taken instead.
SIBLINGS = {
    "binops": (),
    "cells": (),
    "search": ("cells",),
    "zoo": ("cells", "binops"),
    "tools": ("zoo", "cells", "binops"),
}
# What goes in before the wheel of search, in this order: see constraints.txt. To install torch once
# more costs 10 s (its CPU build, 2 cores); lending the environment the torch that runs these tests
# would prove less.
TORCH = (("torch",), ("--no-deps", "torchvision"))


@pytest.fixture(scope="session")
def wheelhouse(
    tmp_path_factory: pytest.TempPathFactory, packages: dict[str, Package]
) -> dict[str, Path]:
    """Build the five wheels, once, with the hatchling that this environment has."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    run(*pip, *build, *(str(package.root) for package in packages.values()))
    return {name: next(folder.glob(f"bnas_{name}-*.whl")) for name in packages}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command to its end and hand back what it wrote; a failure shows all of it."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_its_folder_whole_and_nothing_else(
    package: Package, wheelhouse: dict[str, Path]
) -> None:
    version = package.project["version"]
    metadata = f"bnas_{package.name}-{version}.dist-info/"
    names = names_in(wheelhouse[package.name])
    source = {
        path.relative_to(package.root / "src").as_posix()
        for path in package.source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "BUILD"
    }
    assert {name for name in names if not name.startswith(metadata)} == source
    assert f"bnas/{package.name}/py.typed" in names
    assert metadata + "licenses/LICENSE" in names


def test_wheel_asks_for_what_the_package_declares(
    package: Package, wheelhouse: dict[str, Path]
) -> None:
    wheel = wheelhouse[package.name]
    inside = f"bnas_{package.name}-{package.project['version']}.dist-info/METADATA"
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.parser.BytesParser().parsebytes(archive.read(inside))
    asked = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert len(asked) == len(package.dependencies)
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"


@pytest.fixture
def clean(
    package: Package, wheelhouse: dict[str, Path], root: Path, tmp_path: Path
) -> Iterator[Path]:
    """Make an environment of one wheel and what it asks for; removed after use, for its size."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as environment:
        run(sys.executable, "-m", "venv", "--without-pip", environment)
        python = Path(environment) / "bin" / "python"
        pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
        constraints = ("--constraint", root / "constraints.txt")
        install = (*pip, "install", "--quiet", "--no-compile", *constraints)
        if package.name == "search":
            for what in TORCH:
                run(*install, *what)
        run(*install, *(wheelhouse[name] for name in (package.name, *SIBLINGS[package.name])))
        run(*pip, "check")
        yield python


def test_wheel_works_alone(
    package: Package, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run the smoke test where nothing of this tree, and no torch but search's, is in reach."""
    for variable in ("PYTHONPATH", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("BNAS_OFFLINE", "1")
    monkeypatch.setenv("PATH", f"{clean.parent}{os.pathsep}{os.environ['PATH']}")
    script = Path(__file__).parent / "smoke" / f"{package.name}.py"
    run(clean, "-I", "-W", "error", script, cwd=tmp_path)

    find = "import importlib.util; print(importlib.util.find_spec('torch') is not None)"
    assert run(clean, "-I", "-c", find, cwd=tmp_path).strip() == str(package.name == "search")
