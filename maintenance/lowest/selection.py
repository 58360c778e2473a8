"""Which of a package's tests need no extra: by what they import, and what that imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from maintenance.distributions import Distribution
from maintenance.lowest.bounds import requirements
from maintenance.lowest.fixtures import needing, uses
from maintenance.public_api.source import Source

#: What the tests themselves are made with, whatever they test.
TEST_TOOLS = ("hypothesis", "numpy", "pytest")
# Import names that are not the distribution's.
_IMPORT_NAMES = {"pillow": "PIL", "numba-cuda": "numba_cuda", "attrs": "attrs"}
# They draw, search or ask for a GPU, without an import that tells.
_LATE = {
    "binops": ("cuda/*",),
    "cells": ("test_draw*", "test_cells_testing*", "test_cells_readme*", "test_cells_golden*"),
    "search": ("architecture/test_report*",),
    "tools": ("test_reproduce_command*", "test_reproduce_frontier*", "test_search_sweep*"),
}
# They are about the versions of Numba whose cache files are known (bnas.binops.disk_cache). What
# holds for all others is test_a_numba_that_is_not_known_loads_its_kernels_itself.
_ONLY_KNOWN_NUMBA = {
    "test_cache.py": (
        "test_cached_kernels_load_into_a_numba_that_is_not_ready_to_compile_and_becomes_so_later",
    ),
    "test_machine_code.py": (
        "test_code_that_numba_cached_is_linked_and_damage_costs_a_warning",
        "test_code_for_other_arguments_is_not_run",
        "test_a_tape_on_one_thread_needs_nothing_of_numbas_compiler",
    ),
}


def deselected(package: Distribution) -> list[str]:
    """Name, for pytest, the tests that are about newer versions than the lowest."""
    files = _ONLY_KNOWN_NUMBA if package.name == "binops" else {}
    return [f"--deselect=tests/binops/{f}::{name}" for f, names in files.items() for name in names]


def alone(package: Distribution) -> list[Path]:
    """Find the test files of a package that need none of its extras, nor another sibling."""
    needs = _Needs(Source(package.tree))
    folder = package.tree / "tests" / package.name
    core = _import_names(package)

    def is_there(module: str) -> bool:
        return needs.roots([module]) <= core

    lost = needing(folder / "conftest.py", is_there)
    chosen = []
    for path in sorted(folder.rglob("test_*.py")):
        is_late = any(path.match(f"{package.name}/{each}") for each in _LATE.get(package.name, ()))
        modules = _imports(ast.parse(path.read_text(encoding="utf-8")), late=True)
        if not is_late and needs.roots(modules) <= core and not uses(path, lost):
            chosen.append(path)
    return chosen


def _import_names(package: Distribution) -> set[str]:
    wanted = requirements(package, extras=False)
    names = {canonicalize_name(each.name) for each in wanted} | set(TEST_TOOLS)
    siblings = {name.replace("-", ".") for name in names if name.startswith("bnas-")}
    others = {_IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}
    return {*others, *siblings, f"bnas.{package.name}", "attr", *sys.stdlib_module_names}


class _Needs:
    """Which libraries a module needs, each module of the checkout read once.

    Args:
        source: The checkout.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[str, list[str]] = {}

    def roots(self, modules: Iterable[str]) -> set[str]:
        """Name the libraries that modules need: themselves, and those that they import."""
        found: set[str] = set()
        seen: set[str] = set()
        todo = list(modules)
        while todo:
            module = todo.pop()
            # The namespace is nobody's; what is taken from it follows.
            if module in seen or module == "bnas":
                continue
            seen.add(module)
            if not module.startswith("bnas."):
                found.add(module.partition(".")[0])
                continue
            found.add(".".join(module.split(".")[:2]))
            todo += self._imported_by(module)
        return found

    def _imported_by(self, module: str) -> list[str]:
        if module not in self._known:
            tree = self._source.module(module)
            self._known[module] = [] if tree is None else [*_imports(tree, late=False)]
        return self._known[module]


def _imports(tree: ast.AST, *, late: bool) -> Iterator[str]:
    """Yield imported modules; the names of a `from` too, which may be modules themselves."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield module
                if module.startswith("bnas"):
                    yield from (f"{module}.{alias.name}" for alias in names)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Try() if not late:
                continue  # Waits for use, or can do without.
            case ast.If(test=test) if ast.unparse(test).endswith("TYPE_CHECKING"):
                continue
            case _:
                yield from _imports(node, late=late)
