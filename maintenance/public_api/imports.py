"""What a file uses of other modules: names that it imports, and names that it writes with a dot.

`from bnas import binops` says nothing of what is needed; `binops.pack(x)` below it does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import attrs

_TOP = "bnas"
_IMPORT = re.compile(r"\b(from|import)\s+bnas\b")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)
#: A module and a name in it.
Use = tuple[str, str]


@attrs.frozen
class _Scope:
    """What names stand for in a function, class or module.

    Args:
        modules: Names that an import makes stand for a module of the distributions.
        others: All that is bound to something else: it hides what an outer scope calls so.
        is_class: Whether functions within it do not see its names.
    """

    modules: dict[str, str]
    others: set[str]
    is_class: bool = False


def uses(text: str, is_module: Callable[[str], bool]) -> set[Use]:
    """Collect what a source file uses of the distributions' modules.

    Args:
        text: The source.
        is_module: Whether a dotted name is that of a module, and of nothing else.

    Returns:
        Modules with the names that are used of them: `import bnas.X.Y` uses Y of bnas.X.
    """
    if not _IMPORT.search(text):
        return set()
    tree = ast.parse(text)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    found = {use for node in imports for use in _imported(node)}
    # A file that gives no module a name has nothing more to tell.
    if any(_modules(node, is_module) for node in imports):
        found |= set(_dotted(tree, (_scope(tree, is_module),), is_module))
    return found


def _imported(node: ast.AST) -> Iterator[Use]:
    match node:
        case ast.ImportFrom(module=str(module), level=0):
            yield from ((module, alias.name) for alias in node.names)
        case ast.Import(names=names):
            for alias in names:
                parts = alias.name.split(".")
                yield from ((".".join(parts[:n]), parts[n]) for n in range(1, len(parts)))


def _modules(node: ast.AST, is_module: Callable[[str], bool]) -> dict[str, str]:
    """Name what an import makes stand for a module: the name here -> the module."""
    match node:
        case ast.ImportFrom(module=str(module), level=0):
            named = {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}
        case ast.Import(names=names):
            named = {a.asname or a.name.partition(".")[0]: a.name for a in names}
            named = {name: name if name == _TOP else module for name, module in named.items()}
        case _:
            return {}
    return {n: m for n, m in named.items() if m == _TOP or (_is_ours(m) and is_module(m))}


def _is_ours(dotted: str) -> bool:
    return dotted.startswith(f"{_TOP}.")


def _scope(scope: ast.AST, is_module: Callable[[str], bool]) -> _Scope:
    modules: dict[str, str] = {}
    others: set[str] = set()
    for node in _own(scope):
        modules |= _modules(node, is_module)
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                others.add(name)
            case ast.alias(name=name, asname=asname):
                others.add((asname or name).partition(".")[0])
            case _ if isinstance(own := getattr(node, "name", None), str):
                others.add(own)
    return _Scope(modules, others, isinstance(scope, ast.ClassDef))


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope, without what is within the scopes inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, _SCOPES):
            yield from _own(child)


def _dotted(
    node: ast.AST, scopes: tuple[_Scope, ...], is_module: Callable[[str], bool]
) -> Iterator[Use]:
    """Yield the attributes that are read of modules."""
    # What every module has, like __name__, is in no snapshot.
    if isinstance(node, ast.Attribute) and not node.attr.startswith("__"):
        module = _module_of(node.value, scopes, is_module)
        yield from [(module, node.attr)] if module else []
    inside = scopes
    if isinstance(node, _SCOPES):
        # A method does not see the names of its class.
        seen = scopes[:-1] if scopes[-1].is_class else scopes
        inside = (*seen, _scope(node, is_module))
    for field, value in ast.iter_fields(node):
        # Decorators, bases, annotations and defaults belong to the scope around.
        is_inside = field == "body" or isinstance(node, _COMPREHENSIONS)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _dotted(child, inside if is_inside else scopes, is_module)


def _module_of(
    node: ast.expr, scopes: tuple[_Scope, ...], is_module: Callable[[str], bool]
) -> str | None:
    match node:
        case ast.Name(id=name):
            knowing = (s for s in reversed(scopes) if name in s.modules or name in s.others)
            scope = next(knowing, None)
            return scope.modules.get(name) if scope else None
        case ast.Attribute(value=value, attr=name):
            module = _module_of(value, scopes, is_module)
            return inner if module and is_module(inner := f"{module}.{name}") else None
    return None
