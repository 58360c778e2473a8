"""Which fixtures of a conftest.py need a library that may be missing, through whatever others."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path


def needing(conftest: Path, is_there: Callable[[str], bool]) -> set[str]:
    """Name the fixtures and helpers of a conftest that need something that is not there.

    Args:
        conftest: The file; none need be there.
        is_there: Whether the module of an import can be had.

    Returns:
        Their names: those that use what is missing, and those that use them.
    """
    if not conftest.is_file():
        return set()
    tree = ast.parse(conftest.read_text(encoding="utf-8"))
    lost = _missing_names(tree, is_there)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    found: set[str] = set()
    for _ in functions:  # At most so many steps from one to the next.
        found |= {node.name for node in functions if _used(node) & (lost | found)}
    return found


def _missing_names(tree: ast.Module, is_there: Callable[[str], bool]) -> set[str]:
    lost = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                module = node.module if isinstance(node, ast.ImportFrom) else alias.name
                if module is not None and not is_there(module):
                    lost.add(alias.asname or alias.name)
    return lost


def _used(node: ast.AST) -> set[str]:
    """Name what a function reads or asks for; annotations are text and read nothing."""
    names = set()
    for each in ast.walk(node):
        if isinstance(each, ast.arg):
            each.annotation = None
            names.add(each.arg)
        if isinstance(each, ast.FunctionDef):
            each.returns = None
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            names.add(each.id)
    return names


def uses(test: Path, fixtures: set[str]) -> bool:
    """Whether a test file asks for one of these fixtures, as an argument or by name."""
    tree = ast.parse(test.read_text(encoding="utf-8"))
    asked = {each.arg for each in ast.walk(tree) if isinstance(each, ast.arg)}
    texts = [each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)]
    asked |= {text for text in texts if isinstance(text, str)}
    return bool(asked & fixtures)
