"""The source as syntax: which statement defines a name, through whatever imports it passes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs

from maintenance.distributions import distributions
from maintenance.public_api.imports import uses
from maintenance.release.errors import ReleaseError

#: What defines a name.
Statement = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@attrs.frozen
class Definition:
    """Where a name is defined.

    Args:
        module: The dotted module that holds the statement.
        node: The statement; of an overloaded function, the last: its implementation.
        overloads: The statements of that name before it.
    """

    module: str
    node: Statement
    overloads: tuple[Statement, ...] = ()


class Source:
    """The modules of a checkout, parsed when they are asked for and never run.

    Args:
        tree: Root of the checkout.
    """

    def __init__(self, tree: Path) -> None:
        self._roots = {name: each.root / "src" for name, each in distributions(tree).items()}
        self._modules: dict[str, ast.Module | None] = {}
        self._imports: dict[str, set[tuple[str, str]]] = {}

    def module(self, dotted: str) -> ast.Module | None:
        """Parse a module; None where the checkout has none of that name."""
        if dotted not in self._modules:
            path = self._path(dotted)
            self._modules[dotted] = ast.parse(path.read_text(encoding="utf-8")) if path else None
        return self._modules[dotted]

    def _path(self, dotted: str) -> Path | None:
        below = Path(*dotted.split("."))
        ends = (below / "__init__.py", below.with_suffix(".py"))
        return next(
            (r / end for r in self._roots.values() for end in ends if (r / end).is_file()), None
        )

    def public_names(self, dotted: str) -> list[str]:
        """Name what a module offers: its ``__all__``, or what it defines without an underscore."""
        tree = self.module(dotted)
        if tree is None:
            raise ValueError(
                f"`public-modules` must name modules (got {dotted}); correct the pyproject.toml"
            )
        own = {name for node in _statements(tree) for name in _defined(node)}
        if "__all__" in own:
            return sorted(_listed(tree, dotted))
        return sorted(name for name in own if not name.startswith("_"))

    def find(self, dotted: str, name: str) -> Definition | None:
        """Find the statement that defines a name of a module; None outside the checkout."""
        tree = self.module(dotted)
        if tree is None:
            return None
        for node in _statements(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) != name or not node.module or node.level:
                        continue
                    if (node.module, alias.name) == (dotted, name):  # A module of this package.
                        return None
                    return self.find(node.module, alias.name)
            elif name in _defined(node):
                *overloads, last = _overloads(tree, name) if _is_overload(node) else [node]
                return Definition(dotted, last, tuple(overloads))  # type: ignore[arg-type]
        return None

    def is_module(self, dotted: str) -> bool:
        """Whether a dotted name is a module's, and not a function's that is called like it."""
        package, _, name = dotted.rpartition(".")
        return self.module(dotted) is not None and self.find(package, name) is None

    def imports_of_siblings(self, name: str) -> dict[str, set[str]]:
        """Collect what the other distributions import of `bnas.<name>`: module -> names."""
        found: dict[str, set[str]] = {}
        for other in self._roots.keys() - {name}:
            for module, imported in self.imports(other, name):
                found.setdefault(module, set()).add(imported)
        return found

    def imports(self, name: str, sibling: str) -> set[tuple[str, str]]:
        """Collect what a distribution uses of `bnas.<sibling>`: modules and names."""
        top = f"bnas.{sibling}."
        return {each for each in self._imports_of(name) if f"{each[0]}.".startswith(top)}

    def _imports_of(self, name: str) -> set[tuple[str, str]]:
        if name not in self._imports:
            texts = (path.read_text(encoding="utf-8") for path in self._roots[name].rglob("*.py"))
            self._imports[name] = {use for text in texts for use in uses(text, self.is_module)}
        return self._imports[name]


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield a module's own statements; those within `if` and `try` belong to it too."""
    for node in tree.body:
        inner = [node] if not isinstance(node, ast.If | ast.Try) else []
        for field in ("body", "orelse") if not inner else ():
            inner += getattr(node, field)
        for each in inner:
            yield from _single(each)


def _single(node: ast.stmt) -> Iterator[ast.stmt]:
    """Take an assignment of several names apart: `A, B = 1, 2` is two of them."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(
            names
        ) == len(values):
            for name, value in zip(names, values, strict=True):
                yield ast.Assign(targets=[name], value=value)
        case ast.Assign(targets=[ast.Tuple(elts=names)]):
            for name in names:
                yield ast.Assign(targets=[name], value=ast.Constant(...))
        case _:
            yield node


def _listed(tree: ast.Module, dotted: str) -> set[str]:
    """Read `__all__`, with what `+=` adds to it."""
    found: set[str] = set()
    for node in _statements(tree):
        added = isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "__all__"
        if added or "__all__" in _defined(node):
            value = node.value  # type: ignore[attr-defined]
            try:
                found.update(ast.literal_eval(value))
            except ValueError as error:
                raise ReleaseError(
                    f"`__all__` of {dotted} must list its names (got {ast.unparse(value)}); "
                    "write them out"
                ) from error
    return found


def _is_overload(node: ast.stmt) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(each).rpartition(".")[2] == "overload" for each in decorators)


def _overloads(tree: ast.Module, name: str) -> list[ast.stmt]:
    """List the statements of an overloaded function, its implementation last."""
    return [node for node in _statements(tree) if name in _defined(node)]


def _defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
