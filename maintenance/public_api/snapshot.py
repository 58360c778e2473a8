"""A snapshot: the sections of a distribution's public names, as they stand in public-api.txt."""

from __future__ import annotations

import re
from pathlib import Path

from maintenance.distributions import Distribution
from maintenance.public_api.commands import command_stubs
from maintenance.public_api.named_types import named_types
from maintenance.public_api.source import Source
from maintenance.public_api.stub import stub_of

FILE_NAME = "public-api.txt"
TITLE = "# The public names of {title}. Made by `make public-api`; a change bumps the version.\n"
_HEADING = re.compile(r"^## (\S+)(?: \(.*\))?\n", re.MULTILINE)
# Not for users to import; what siblings do, and what public signatures name.
_BESIDE = " (for siblings and signatures)"

#: A snapshot's sections: dotted module (or the command line's name) -> stub.
Sections = dict[str, str]


def parse(text: str) -> Sections:
    """Read a snapshot: module -> stub."""
    _, *parts = _HEADING.split(text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def listed_names(stub: str) -> set[str]:
    """Name what a section lists, without what is within its classes."""
    return set(re.findall(r"^(?:class |(?:async )?def )?(\w+)", stub, re.MULTILINE))


def read(package: Distribution) -> str:
    """Read the snapshot that is kept; empty where there is none yet."""
    path = package.root / FILE_NAME
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def make(package: Distribution, source: Source) -> str:
    """Make a distribution's snapshot from its source.

    Args:
        package: The distribution.
        source: The checkout that it belongs to.

    Returns:
        The text of its public-api.txt.
    """
    parts = [TITLE.format(title=package.title)]
    if package.name == "tools":
        # What its users call are commands; the modules behind them are its own affair.
        parts.append("## bnas-tools\n" + "\n".join(command_stubs()) + "\n")
        return "\n".join(parts)
    top = f"bnas.{package.name}"
    public = [top, *(f"{top}.{module}" for module in package.public_modules)]
    listed = {module: set(source.public_names(module)) for module in public}
    beside = _for_siblings(package, source, public)
    every = [(module, n) for part in (listed, beside) for module in part for n in part[module]]
    for module, name in named_types(top, every, source):
        (listed if module in listed else beside).setdefault(module, set()).add(name)
    parts += [_section(module, sorted(names), source) for module, names in listed.items()]
    parts += [_section(each, sorted(beside[each]), source, _BESIDE) for each in sorted(beside)]
    return "\n".join(parts)


def _section(module: str, names: list[str], source: Source, note: str = "") -> str:
    lines = [f"## {module}{note}"]
    for name in names:
        definition = source.find(module, name)
        # A module, or a name of another library that is handed on.
        lines += stub_of(name, definition, source) if definition else [f"{name} = ..."]
    return "\n".join(lines) + "\n"


def _for_siblings(package: Distribution, source: Source, public: list[str]) -> dict[str, set[str]]:
    """Collect what siblings import beside public modules.

    What the kept snapshot lists stays as long as it is there, whether or not this checkout's
    siblings still import it, or signatures name it: those that are installed somewhere do.
    """
    found: dict[str, set[str]] = {}
    for module, names in source.imports_of_siblings(package.name).items():
        for name in names:
            inner = f"{module}.{name}"
            if source.is_module(inner):  # A whole module, whose names are used by it.
                found.setdefault(inner, set()).update(source.public_names(inner))
            else:
                found.setdefault(module, set()).add(name)
    for module, stub in parse(read(package)).items():
        found.setdefault(module, set()).update(listed_names(stub))
    return {
        module: names
        for module in sorted(found.keys() - set(public))
        if (names := {name for name in found[module] if source.find(module, name)})
    }


def write(package: Distribution, text: str) -> Path:
    """Keep a snapshot."""
    path = package.root / FILE_NAME
    path.write_text(text, encoding="utf-8")
    return path
