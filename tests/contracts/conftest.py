"""The five distributions as the contracts see them: folders, declarations, imports of each file."""

from __future__ import annotations

import ast
import dataclasses
import functools
import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NAMES = ("binops", "cells", "search", "zoo", "tools")
# Folders that hold no source: environments, caches, what builds leave.
NOT_SOURCE = ("__pycache__", "build", "dist")


@dataclasses.dataclass(frozen=True)
class Import:
    """One import statement; `module` is dotted as far as it is known ("numba.cuda")."""

    module: str
    path: Path
    line: int
    on_import: bool  # runs when its file is imported: not inside a function, not for types only

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"


@dataclasses.dataclass(frozen=True)
class Package:
    """One of the five distributions."""

    name: str

    @property
    def root(self) -> Path:
        return ROOT / "tools" if self.name == "tools" else ROOT / "packages" / self.name

    @property
    def source(self) -> Path:
        return self.root / "src" / "bnas" / self.name

    @functools.cached_property
    def project(self) -> dict[str, Any]:
        return tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    @property
    def dependencies(self) -> list[Requirement]:
        return [Requirement(line) for line in self.project["dependencies"]]

    @property
    def extras(self) -> dict[str, list[Requirement]]:
        declared = self.project.get("optional-dependencies", {})
        return {extra: [Requirement(line) for line in lines] for extra, lines in declared.items()}

    @property
    def files(self) -> list[Path]:
        return sorted(self.source.rglob("*.py"))

    @functools.cached_property
    def imports(self) -> list[Import]:
        return [found for path in self.files for found in imports_of(path)]


def imports_of(path: Path) -> Iterator[Import]:
    """Find what a file imports, by statement or by name: `import_module("name")`, `find_spec`."""
    yield from _walk(ast.parse(path.read_text(encoding="utf-8")), path, on_import=True)


def _walk(node: ast.AST, path: Path, *, on_import: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        # To look whether a module is there loads nothing.
        loads = on_import and _called(child) != "find_spec"
        yield from (Import(name, path, child.lineno, loads) for name in _imported(child))
        deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        yield from _walk(child, path, on_import=on_import and not deferred and not for_types)


def _called(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func).rpartition(".")[2]
    return None


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [f"{module}.{alias.name}" for alias in names]
        case ast.Call(args=[ast.Constant(value=str(module)), *_]):
            by_name = _called(node) in {"import_module", "__import__", "find_spec"}
            return [module] if by_name else []
    return []


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def packages() -> dict[str, Package]:
    return {name: Package(name) for name in NAMES}


@pytest.fixture(scope="session", params=NAMES)
def package(request: pytest.FixtureRequest, packages: dict[str, Package]) -> Package:
    return packages[request.param]


@pytest.fixture(scope="session")
def tree() -> list[Path]:
    """Every file of the source tree: no environment, no cache, nothing that a build left."""
    found = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [
            name for name in below if name not in NOT_SOURCE and (name == ".ci" or name[0] != ".")
        ]
        # In a linked worktree `.git` is a file.
        found += [Path(folder) / name for name in names if name != ".git"]
    return sorted(found)


@pytest.fixture(scope="session")
def scan() -> Callable[[Path], Iterator[Import]]:
    """Hand out `imports_of`, so that a test can try it on a file of its own."""
    return imports_of
