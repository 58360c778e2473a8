"""A griffe extension: what the sources say in forms that griffe does not know.

griffe reads sources without running them. It knows the constructors of dataclasses, but not those
that attrs and `typing.NamedTuple` write, nor the comments ``#:`` that document a constant.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from griffe import (
    Attribute,
    Class,
    Docstring,
    Expr,
    ExprCall,
    ExprKeyword,
    ExprName,
    Extension,
    Function,
    Module,
    Parameter,
    ParameterKind,
    Parameters,
)

_ATTRS = {f"{module}.{name}" for module in ("attr", "attrs") for name in ("define", "frozen")}
_FIELDS = {"attr.field", "attrs.field"}
_SELF = Parameter("self", kind=ParameterKind.positional_or_keyword)
_COMMENT = "#:"


class Sources(Extension):
    """Adds constructors to classes and docstrings to constants, once a package is read."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Go through the modules and classes of a package."""
        for each in [pkg, *_below(pkg)]:
            if isinstance(each, Class) and "__init__" not in each.members and _is_record(each):
                _add_constructor(each)
            for member in each.members.values():
                if isinstance(member, Attribute) and member.docstring is None:
                    _add_comment(member)


def _below(owner: Module | Class) -> Iterator[Module | Class]:
    for member in owner.members.values():
        if isinstance(member, (Module, Class)) and not member.is_alias:
            yield member
            yield from _below(member)


def _add_comment(constant: Attribute) -> None:
    """Take the comment above a constant for its docstring."""
    if constant.lineno is None or isinstance(constant.filepath, list):
        return
    comment: list[str] = []
    for line in reversed(constant.lines_collection[constant.filepath][: constant.lineno - 1]):
        if not line.strip().startswith(_COMMENT):
            break
        comment.insert(0, line.strip().removeprefix(_COMMENT).strip())
    if comment:
        text = inspect.cleandoc("\n".join(comment))
        constant.docstring = Docstring(text, lineno=constant.lineno, parent=constant)


def _is_record(each: Class) -> bool:
    is_tuple = any(str(base) == "NamedTuple" for base in each.bases)
    return is_tuple or _decorator(each) is not None


def _add_constructor(each: Class) -> None:
    parameters = {parameter.name: parameter for parameter in _parameters(each)}
    ordered = sorted(parameters.values(), key=lambda one: one.kind is ParameterKind.keyword_only)
    constructor = Function("__init__", parameters=Parameters(_SELF, *ordered), parent=each)
    constructor.returns = "None"
    each.set_member("__init__", constructor)


def _decorator(each: Class) -> Expr | str | None:
    """Return the decorator that makes a class one of attrs."""
    return next((d.value for d in each.decorators if d.callable_path in _ATTRS), None)


def _parameters(each: Class) -> Iterator[Parameter]:
    """Yield a parameter for each field, those of base classes first."""
    for base in each.resolved_bases:
        if isinstance(base, Class) and _is_record(base):
            yield from _parameters(base)
    by_keyword = _arguments(_decorator(each)).get("kw_only") == "True"
    computed = set(_computed(each))
    for member in each.members.values():
        if isinstance(member, Attribute) and _is_field(member):
            for parameter in _parameter(member, by_keyword):
                if member.name in computed:
                    parameter.default = "..."
                yield parameter


def _computed(each: Class) -> Iterator[str]:
    """Yield the fields whose default a method computes: ``@name.default``."""
    for member in each.members.values():
        if isinstance(member, Function):
            names = [str(decorator.value).rpartition(".") for decorator in member.decorators]
            yield from (name for name, _, last in names if last == "default")


def _is_field(member: Attribute) -> bool:
    is_of_class = "class-attribute" in member.labels and "instance-attribute" not in member.labels
    return member.annotation is not None and "property" not in member.labels and not is_of_class


def _parameter(member: Attribute, by_keyword: bool) -> Iterator[Parameter]:
    default = member.value
    arguments: dict[str, Any] = {}
    if isinstance(default, ExprCall) and default.canonical_path in _FIELDS:
        arguments = _arguments(default)
        default = arguments.get("default")
        if "factory" in arguments:
            default = ExprCall(ExprName(str(arguments["factory"]), parent=member.parent), [])
    if arguments.get("init") != "False":
        is_keyword = by_keyword or arguments.get("kw_only") == "True"
        yield Parameter(
            member.name.lstrip("_"),
            annotation=member.annotation,
            kind=ParameterKind.keyword_only if is_keyword else ParameterKind.positional_or_keyword,
            default=default,
        )


def _arguments(call: Expr | str | None) -> dict[str, Any]:
    """Return the arguments of a call that are passed by name, plain names as text."""
    if not isinstance(call, ExprCall):
        return {}
    named = [each for each in call.arguments if isinstance(each, ExprKeyword)]
    return {each.name: _plain(each.value) for each in named}


def _plain(value: str | Expr) -> str | Expr:
    return str(value) if isinstance(value, ExprName) else value
