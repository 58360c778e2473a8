"""Types that public signatures name and that are not public themselves: choices and enums.

A caller passes their values, so a choice that goes breaks him, whether or not he can import the
type.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from maintenance.public_api.source import Definition, Source
from maintenance.public_api.stub import lineage, stub_of

_ENUMS = {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"}
_WORD = re.compile(r"[A-Za-z_]\w*")
#: A module and a name that it defines.
Place = tuple[str, str]


def named_types(top: str, public: Iterable[Place], source: Source) -> set[Place]:
    """Follow the names in stubs to the choices and enums of the same distribution.

    Args:
        top: Its import ("bnas.zoo").
        public: What its snapshot lists.
        source: The checkout.

    Returns:
        Where those are defined that the snapshot does not list, those that they name included.
    """
    found: set[Place] = set()
    waiting = list(public)
    known = {each for place in waiting if (each := _defined_at(*place, source))}
    while waiting:
        module, name = waiting.pop()
        definition = source.find(module, name)
        if definition is None:
            continue
        # An inherited method names what its own module imports.
        is_class = isinstance(definition.node, ast.ClassDef)
        family = lineage(definition, source) if is_class else [definition]
        modules = dict.fromkeys(each.module for each in family)
        for word in set(_WORD.findall("\n".join(stub_of(name, definition, source)))):
            for place in (_defined_at(each, word, source) for each in modules):
                if place and place not in known and _is_choice(source.find(*place), top):
                    known.add(place)
                    found.add(place)
                    waiting.append(place)
    return found


def _defined_at(module: str, name: str, source: Source) -> Place | None:
    definition = source.find(module, name)
    if definition is None:
        return None
    match definition.node:
        case ast.Assign(targets=[ast.Name(id=own)]) | ast.AnnAssign(target=ast.Name(id=own)):
            return definition.module, own
        case ast.ClassDef(name=own) | ast.FunctionDef(name=own):
            return definition.module, own
    return None


def _is_choice(definition: Definition | None, top: str) -> bool:
    if definition is None or not f"{definition.module}.".startswith(f"{top}."):
        return False
    match definition.node:
        case ast.ClassDef(bases=bases):
            return any(ast.unparse(base).rpartition(".")[2] in _ENUMS for base in bases)
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return "Literal[" in ast.unparse(value)
    return False
