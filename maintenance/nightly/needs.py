"""What a lane needs of a machine, and what stands in its way."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path


class UnknownNeedError(ValueError):
    """A table of lanes names a kind of need that there is not."""


def obstacle(need: str, root: Path) -> str:
    """Say what this machine lacks.

    Args:
        need: A kind and a name: ``backend avx2`` (of `bnas.binops.backends`), ``folder VARIABLE``
            (which the variable names), ``module torch`` or ``target pants`` (of make).
        root: The root of the repository.

    Returns:
        One line; empty if nothing is lacking.

    Raises:
        UnknownNeedError: There is no such kind.
    """
    kind, _, name = need.partition(" ")
    if kind not in _KINDS or not name:
        raise UnknownNeedError(
            f"a need must be one of {', '.join(_KINDS)} and a name (got {need!r})"
        )
    return _KINDS[kind](name, root)


def _backend(name: str, root: Path) -> str:
    del root
    from bnas.binops import backends

    return backends()[name].reason


def _folder(variable: str, root: Path) -> str:
    del root
    folder = os.environ.get(variable, "")
    if folder and Path(folder).is_dir():
        return ""
    return f"needs data: set {variable} to their folder (got {folder!r})"


def _module(name: str, root: Path) -> str:
    del root
    return "" if importlib.util.find_spec(name) else f"needs the Python module {name}"


def _target(name: str, root: Path) -> str:
    rules = [root / "Makefile", *sorted((root / "maintenance").glob("*.mk"))]
    rule = re.compile(rf"^{re.escape(name)}\s*:(?!=)", re.MULTILINE)
    if any(rule.search(path.read_text(encoding="utf-8")) for path in rules if path.is_file()):
        return ""
    return f"needs the make target {name}"


_KINDS = {"backend": _backend, "folder": _folder, "module": _module, "target": _target}
