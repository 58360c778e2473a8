"""A section of a snapshot as griffe reads it: a tree of names that can be compared."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath

import griffe

from maintenance.release.errors import ReleaseError

# griffe keeps of an overloaded function the implementation; so each overload gets a name.
_APART = re.compile(r"__overload_(\d+)")
_DEF = re.compile(r"\s*(?:async )?def (\w+)\(")
_TOP = re.compile(r"(?:class|def|async def) (\w+)")


def load(module: str, stub: str) -> griffe.Module:
    """Read a section.

    Args:
        module: The dotted module that it is of.
        stub: Its text.

    Raises:
        ReleaseError: If it is no Python; with the name of the class or function.
    """
    path = PurePosixPath(f"{module}.pyi")
    try:
        return griffe.visit(module, filepath=path, code=_apart(stub))  # type: ignore[arg-type]
    except SyntaxError as error:
        lines = stub.splitlines()[: error.lineno or 1]
        tops = [found[1] for line in lines if (found := _TOP.match(line))]
        name = tops[-1] if tops else "its values"
        raise ReleaseError(
            f"the stub of {module} must be Python (got {error.msg} in {name}); give what is "
            "public there a form that maintenance/public_api reads"
        ) from error


def _apart(stub: str) -> str:
    """Give each overload of a function a name of its own: f__overload_1, f__overload_2."""
    counts: Counter[str] = Counter()
    lines: list[str] = []
    is_overload = False
    for line in stub.splitlines():
        if line.lstrip().startswith("class "):
            counts.clear()
        if line.strip() == "@overload":
            is_overload = True
            line = ""
        elif is_overload and (found := _DEF.match(line)):
            counts[found[1]] += 1
            line = line.replace("(", f"__overload_{counts[found[1]]}(", 1)
            is_overload = False
        lines.append(line)
    return "\n".join(lines) + "\n"


def shown(line: str) -> str:
    """Write a name of `load` as people read it: "f[overload 1]"."""
    return _APART.sub(r"[overload \1]", line)


def wrappers(function: griffe.Function) -> set[str]:
    """Name what decides how a function is called: decorators, and that it must be awaited."""
    awaited = {"coroutine"} if "async" in function.labels else set()
    return {str(decorator.value) for decorator in function.decorators} | awaited
