"""Records (attrs, dataclasses, named tuples): the constructor that their fields make."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import attrs

_MAKERS = {"define", "frozen", "mutable", "attrs", "dataclass"}


@attrs.frozen
class Field:
    """One argument of a record's constructor.

    Args:
        name: As a caller writes it, without leading underscores.
        annotation: Its type as written, or None.
        default: The default as written, ``...`` where it is made anew; None: required.
        is_keyword: Whether it must be named.
    """

    name: str
    annotation: str | None
    default: str | None
    is_keyword: bool

    def __str__(self) -> str:
        text = f"{self.name}: {self.annotation}" if self.annotation else self.name
        equals = " = " if self.annotation else "="
        return text if self.default is None else f"{text}{equals}{self.default}"


def _maker(node: ast.ClassDef) -> ast.expr | None:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(called).rpartition(".")[2] in _MAKERS:
            return decorator
    return next((b for b in node.bases if ast.unparse(b).endswith("NamedTuple")), None)


def is_record(node: ast.ClassDef) -> bool:
    """Whether a class takes its constructor from its fields."""
    return _maker(node) is not None


def _keyword(call: ast.expr | None, name: str) -> ast.expr | None:
    if not isinstance(call, ast.Call):
        return None
    return next((each.value for each in call.keywords if each.arg == name), None)


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _is_field(value: ast.expr | None) -> bool:
    called = value.func if isinstance(value, ast.Call) else None
    return called is not None and ast.unparse(called).rpartition(".")[2] in {"field", "ib"}


def _default(value: ast.expr | None) -> str | None:
    if value is None:
        return None
    if _is_field(value):
        if _keyword(value, "factory") or _keyword(value, "default_factory"):
            return "..."
        given = _keyword(value, "default")
        return None if given is None else _shown(given)
    return _shown(value)


def _shown(value: ast.expr) -> str:
    text = ast.unparse(value)
    return text if len(text) <= 60 and not text.startswith(("attrs.Factory", "Factory")) else "..."


def _fields(node: ast.ClassDef) -> list[Field]:
    all_keyword = _is_true(_keyword(_maker(node), "kw_only"))
    found = []
    annotation: ast.expr | None
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                if ast.unparse(annotation).startswith(("ClassVar", "typing.ClassVar")):
                    continue
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_field(value):
                annotation = None
            case _:
                continue
        if isinstance(is_made := _keyword(value, "init"), ast.Constant) and is_made.value is False:
            continue
        found.append(
            Field(
                name.lstrip("_"),
                ast.unparse(annotation) if annotation else None,
                _default(value),
                all_keyword or _is_true(_keyword(value, "kw_only")),
            )
        )
    return found


def fields_of(lineage: Sequence[ast.ClassDef]) -> list[Field]:
    """List the arguments of the constructor that a record has from its fields and its ancestors'.

    Args:
        lineage: The class and its ancestors, the nearest first.

    Returns:
        One for each field; none where no class of them is a record.
    """
    fields: dict[str, Field] = {}
    for node in reversed(lineage):
        if is_record(node):
            fields |= {field.name: field for field in _fields(node)}
    return list(fields.values())


def constructor(fields: Sequence[Field]) -> str:
    """Write the constructor that fields make."""
    named = [str(field) for field in fields if field.is_keyword]
    placed = [str(field) for field in fields if not field.is_keyword]
    return f"def __init__({', '.join(['self', *placed, *(['*'] if named else []), *named])}): ..."
