"""A definition as a stub: what a caller sees of it, without bodies and private parts."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from maintenance.public_api.fields import constructor, fields_of, is_record
from maintenance.public_api.source import Definition, Source

#: Values and defaults longer than this are not shown: a stub is to be read.
MAX_VALUE = 60
# They change what may be called, and how; others (caches, compilation) do not.
_KEPT_DECORATORS = ("staticmethod", "classmethod", "overload", "contextmanager")
# Python's own business, or the same for every class.
_HIDDEN = {"repr", "str", "eq", "ne", "hash", "attrs_post_init", "post_init", "reduce", "del"}
_HIDDEN |= {"init_subclass", "class_getitem", "all", "doc", "slots", "match_args"}


def stub_of(name: str, definition: Definition, source: Source) -> list[str]:
    """Write what a caller sees of a definition, under the name by which it is public."""
    match definition.node:
        case ast.ClassDef():
            return list(_class(name, definition, source))
        case ast.FunctionDef() | ast.AsyncFunctionDef() as node:
            every = (*definition.overloads, node)
            return [line for each in every for line in _function(each, name)]  # type: ignore[arg-type]
        case node:
            return [_value(node, name)]


def _class(name: str, definition: Definition, source: Source) -> Iterator[str]:
    node = definition.node
    assert isinstance(node, ast.ClassDef)
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield f"class {name}({bases}):" if bases else f"class {name}:"
    ancestors = lineage(definition, source)
    family = [each.node for each in ancestors]
    lines: dict[str, list[str]] = {}
    for ancestor in reversed(ancestors):
        lines |= _members(ancestor.node)  # type: ignore[arg-type]
        lines |= _inner_classes(ancestor, source)
    fields = fields_of(family)  # type: ignore[arg-type]
    if is_record(node) or (fields and "__init__" not in lines):
        # The constructor tells of its fields; they need no lines of their own.
        lines = {k: v for k, v in lines.items() if k not in {field.name for field in fields}}
        lines["__init__"] = [constructor(fields)]
    for member in sorted(lines):
        yield from (f"    {line}" for line in lines[member])
    if not lines:
        yield "    ..."


def lineage(definition: Definition, source: Source) -> list[Definition]:
    """List a class and its ancestors within the checkout, the nearest first."""
    found = [definition]
    assert isinstance(definition.node, ast.ClassDef)
    for base in definition.node.bases:
        if isinstance(base, ast.Name):
            ancestor = source.find(definition.module, base.id)
            if ancestor and isinstance(ancestor.node, ast.ClassDef):
                found += lineage(ancestor, source)
    return found


def _inner_classes(definition: Definition, source: Source) -> dict[str, list[str]]:
    assert isinstance(definition.node, ast.ClassDef)
    return {
        node.name: list(_class(node.name, Definition(definition.module, node), source))
        for node in definition.node.body
        if isinstance(node, ast.ClassDef) and _is_public(node.name)
    }


def _members(node: ast.ClassDef) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for statement in node.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name == "__init__":
                    lines |= _kept_arguments(statement)
                if _is_public(name) and not _is_setter(statement):
                    lines.setdefault(name, []).extend(_function(statement, name))
            case ast.AnnAssign(target=ast.Name(id=name)) if _is_public(name):
                lines[name] = [_value(statement, name, with_value=not is_record(node))]
            case ast.Assign(targets=[ast.Name(id=name)]) if _is_public(name):
                lines[name] = [_value(statement, name)]
    return lines


def _kept_arguments(init: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, list[str]]:
    """Find the attributes that a constructor sets: exceptions carry their values in them."""
    every = [*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs]
    annotations = {a.arg: ast.unparse(a.annotation) for a in every if a.annotation}
    lines = {}
    for node in ast.walk(init):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                known = annotations.get(ast.unparse(node.value))
            case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                known = ast.unparse(node.annotation)
            case _:
                continue
        if _is_public(name):
            lines[name] = [f"{name}: {known}" if known else f"{name} = ..."]
    return lines


def _is_public(name: str) -> bool:
    if name.startswith("__") and name.endswith("__"):
        return name.strip("_") not in _HIDDEN
    return not name.startswith("_")


def _is_setter(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in node.decorator_list)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Iterator[str]:
    arguments, returns = copy.deepcopy(node.args), node.returns and ast.unparse(node.returns)
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        last = ast.unparse(called).rpartition(".")[2]
        if last == "composite":  # Hypothesis hands `draw` over itself.
            del (arguments.posonlyargs or arguments.args)[0]
            returns = f"SearchStrategy[{returns}]"
        if last in ("property", "cached_property"):  # To a caller, an attribute.
            yield f"{name}: {returns}"
            return
        if last in _KEPT_DECORATORS:
            yield f"@{last}"
    arguments.defaults = [_short(each) for each in arguments.defaults]
    arguments.kw_defaults = [each and _short(each) for each in arguments.kw_defaults]
    keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    ending = f" -> {returns}: ..." if returns else ": ..."
    yield f"{keyword} {name}({ast.unparse(arguments)}){ending}"


def _short(value: ast.expr) -> ast.expr:
    return value if len(ast.unparse(value)) <= MAX_VALUE else ast.Constant(...)


def _value(node: ast.stmt, name: str, *, with_value: bool = True) -> str:
    annotation, value = getattr(node, "annotation", None), getattr(node, "value", None)
    # What a type may be is read whole, however long.
    is_type = value is not None and ast.unparse(value).startswith(("Literal[", "Annotated["))
    shown = value and ast.unparse(value if is_type else _short(value))
    if annotation is None:
        return f"{name} = {shown}"
    return f"{name}: {ast.unparse(annotation)}" + (f" = {shown}" if value and with_value else "")
