"""What a command needs beyond the dependencies of bnas-tools, and how to get it."""

from __future__ import annotations

import importlib.util

import click

#: Module -> what to tell somebody who lacks it.
_REMEDIES = {
    "bnas.search": ("bnas-search", "bnas-tools[search]"),
    "onnx": ("onnx", "bnas-tools[onnx]"),
    "ray.data": ("Ray Data", "bnas-tools[ray]"),
    "ray.tune": ("Ray Tune", "bnas-tools[ray]"),
    "torch": ("torch", "bnas-zoo[torch]"),
}


def require(command: str, *modules: str) -> None:
    """Refuse a command that needs a module which is not installed.

    Args:
        command: Its name, such as ``"train"``.
        modules: Keys of the remedies, such as ``"bnas.search"`` or ``"torch"``.

    Raises:
        click.ClickException: One of them is not there.
    """
    for module in modules:
        if not _is_there(module):
            name, extra = _REMEDIES[module]
            raise click.ClickException(
                f"`bnas-tools {command}` needs {name}: pip install '{extra}'"
            )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False  # Of a part of a package that is not there.
