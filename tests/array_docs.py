"""Shapes and dtypes in docstrings, executed: what a docstring says of an array is held to it.

The grammar is that of the docstrings. In the sections Args, Attributes and Returns, an array is
``float32 (N, C, H, W)``: a dtype, which may be missing, and its axes, which are letters or words,
integers, or arithmetic on these and on the other arguments (``C / groups``, ``ceil(C / 8)``,
``x.shape[axis]``). ``(...)`` is any shape; ``bits (N, C)`` is a `BitTensor` of that logical shape.
An axis has one length in one call, in the arguments and in what is returned. Of an argument the
kind of dtype counts, since it may be converted; of a result, and of a field, the dtype itself. Of
several arrays in one entry one must fit, and each element of a tuple or dict must fit one.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

_DTYPES = "bool|uint8|int8|int16|uint16|int32|int64|float16|float32|float64|float|bits"
_AXES = r"\((?:\.\.\.|(?:[^()\n`]|\([^()]*\)|\n)*)\)"
_TERM = re.compile(rf"(?:\b({_DTYPES})\s+|(?<!\w))({_AXES})", re.IGNORECASE)
#: Without a dtype, words in brackets are axes where a letter or a number is among them.
_LETTERS = re.compile(r"\b[A-Z]\w?\b|\d")
_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields):$")
#: Annotations of arrays; `Any` is what takes those of every library.
ARRAYS = re.compile(
    r"^(?:np\.ndarray|(?:npt\.)?NDArray|(?:torch\.)?Tensor|BitTensor|ImageSource)\b"
)


class ArrayDocError(AssertionError):
    """An array is not what the docstring says."""


class Term(NamedTuple):
    """One array of a docstring; `axes` is None for any shape."""

    dtype: str
    axes: tuple[ast.expr, ...] | None
    text: str


def terms_of(text: str) -> list[Term]:
    """The arrays that an entry of a docstring names."""
    found = []
    for match in _TERM.finditer(text):
        dtype, inside = (match[1] or "").lower(), " ".join(match[2][1:-1].split())
        if not inside and dtype:
            found.append(Term(dtype, (), match[0]))  # A scalar: ``float ()``.
        elif inside == "...":
            found.append(Term(dtype, None, match[0]))
        elif (axes := _axes(inside)) is not None and (
            dtype or re.search(r"\b[A-Z]\w?\b|\d", inside)
        ):
            found.append(Term(dtype, axes, match[0]))
    return found


def _axes(inside: str) -> tuple[ast.expr, ...] | None:
    """Parse ``N, C / groups, H'``; None for what is no list of axes, as prose in brackets."""
    if "," not in inside:
        return None
    try:
        parsed = ast.parse(f"({inside.replace(chr(39), '_')})", mode="eval").body
    except SyntaxError:
        return None
    allowed = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript)
    if isinstance(parsed, ast.Tuple) and all(isinstance(axis, allowed) for axis in parsed.elts):
        return tuple(parsed.elts)
    return None


def entries_of(doc: str | None) -> dict[str, str]:
    """Parameter or attribute -> what is said of it; ``return`` -> what is said of the result."""
    entries: dict[str, list[str]] = {}
    section = name = ""
    for line in inspect.cleandoc(doc or "").splitlines():
        if found := _SECTION.match(line):
            section, name = found[1], "return" if found[1] in ("Returns", "Yields") else ""
        elif line and not line.startswith(" "):
            section = name = ""
        elif section and name != "return" and (found := re.match(r"    (\w+): (.*)", line)):
            name = found[1]
            entries[name] = [found[2]]
            continue
        elif name:
            entries.setdefault(name, []).append(line.strip())
    return {name: "\n".join(lines) for name, lines in entries.items()}


class _Axes:
    """The lengths of axes in one call."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = arguments
        self.lengths: dict[str, int] = {}

    def copy(self) -> _Axes:
        """The same lengths, for one of several arrays."""
        copied = _Axes(self.arguments)
        copied.lengths = dict(self.lengths)
        return copied

    def fits(self, axes: tuple[ast.expr, ...], shape: tuple[int, ...]) -> bool:
        """Whether a shape fits; what is new is kept if it does."""
        if len(axes) != len(shape):
            return False
        before = dict(self.lengths)
        # Letters first: an axis before it may be computed from one.
        for axis, length in sorted(
            zip(axes, shape, strict=True), key=lambda one: not _is_name(one[0])
        ):
            if self._length(axis, length) != length:
                self.lengths = before
                return False
        return True

    def _length(self, axis: ast.expr, length: int) -> float:
        if isinstance(axis, ast.Name) and axis.id not in self.arguments:
            return self.lengths.setdefault(axis.id, length)
        names = {**self.arguments, **self.lengths, "ceil": math.ceil, "min": min, "max": max}
        try:
            found = eval(ast.unparse(axis), {"__builtins__": {}}, names)
            return len(found) if isinstance(found, tuple) else found
        except (NameError, TypeError, AttributeError):
            return length  # Of an axis that no array of this call has.


def _is_name(axis: ast.expr) -> bool:
    return isinstance(axis, ast.Name)


def check(what: str, value: Any, terms: list[Term], axes: _Axes, *, exactly: bool) -> None:
    """Hold a value to its terms; values without a shape are left to the function."""
    if value is None or not terms:
        return
    if isinstance(value, dict | tuple | list) and not hasattr(value, "shape"):
        for each in value.values() if isinstance(value, dict) else value:
            if hasattr(each, "shape"):
                check(what, each, terms, axes.copy(), exactly=exactly)
        return
    # What stands for an array while torch.fx writes down a module has a name and no sizes.
    if not hasattr(value, "shape") or type(value).__module__.startswith("torch.fx"):
        return
    shape = tuple(int(length) for length in value.shape)
    dtype = "bits" if hasattr(value, "is_on_gpu") else str(value.dtype).removeprefix("torch.")
    for term in terms:
        is_shape = term.axes is None or axes.fits(term.axes, shape)
        if is_shape and _is_dtype(dtype, term.dtype, exactly=exactly):
            return
    said = " or ".join(term.text for term in terms)
    raise ArrayDocError(f"{what} is {dtype} {shape}; its docstring says {said} with {axes.lengths}")


def _is_dtype(found: str, said: str, *, exactly: bool) -> bool:
    if not said or found == "bits" == said:
        return True
    if said == "float":
        return "float" in found
    if "bits" in (found, said):
        return not exactly and said != "bits"  # An argument of numbers may be packed.
    if exactly:
        return found == said
    known = "float32" if found == "bfloat16" else found
    return bool(np.can_cast(known, said, "same_kind"))


def held(function: Callable[..., Any], doc: str | None, name: str) -> Callable[..., Any]:
    """A function whose calls are held to its docstring."""
    entries = {key: terms_of(text) for key, text in entries_of(doc).items()}
    signature = inspect.signature(function)
    is_compiling = _is_compiling()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_compiling():
            return function(*args, **kwargs)
        result = function(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        axes = _Axes(bound.arguments)
        for key, value in bound.arguments.items():
            check(f"`{key}` of {name}", value, entries.get(key, []), axes, exactly=False)
        check(f"the result of {name}", result, entries.get("return", []), axes, exactly=True)
        CALLED.add(f"{function.__module__}: {name}")
        return result

    call.is_held = True  # type: ignore[attr-defined]
    return call


def _is_compiling() -> Callable[[], bool]:
    """torch's question whether it traces, if torch is loaded: what it traces is left alone."""
    import sys

    torch = sys.modules.get("torch")
    return torch.compiler.is_compiling if torch is not None else lambda: False


def held_class(kind: type) -> Callable[[Any], None]:
    """A check of the fields of an instance of an attrs class, as they are stored."""
    entries = {key: terms_of(text) for key, text in entries_of(kind.__doc__).items()}

    def look(instance: Any) -> None:
        fields = {name: getattr(instance, name) for name in entries if hasattr(instance, name)}
        axes = _Axes(fields)
        for key, value in fields.items():
            check(f"`{key}` of {kind.__name__}", value, entries[key], axes, exactly=True)

    return look


def array_names(annotations: Mapping[str, Any], loose: bool) -> Iterator[str]:
    """Parameters, or ``return``, that are annotated as arrays; with `loose`, as `Any` too."""
    for name, annotation in annotations.items():
        if ARRAYS.match(str(annotation)) or (loose and str(annotation) == "Any"):
            yield name


class Public(NamedTuple):
    """A public callable that takes or returns arrays, or an attrs class that holds some."""

    name: str
    owner: Any  # the module, or the class of a method
    attribute: str
    function: Callable[..., Any]
    doc: str | None
    wanted: tuple[str, ...]  # what its annotations call an array


#: Where users find functions on arrays.
MODULES = (
    "bnas.binops",
    "bnas.binops.oracles",
    "bnas.cells.nn",
    "bnas.search",
    "bnas.search.supernet",
    "bnas.zoo",
)
#: Names of those whose calls were held.
CALLED: set[str] = set()
#: Annotated as `Any`, and no arrays.
OTHERS = {
    "Conv2d.__init__.epilogue": "an epilogue, or a tuple of some",
    "Card.from_dict.data": "what JSON holds",
}


def public_arrays(module: Any) -> Iterator[Public]:
    """What of a module is to be held to its docstring."""
    for name in getattr(module, "__all__", vars(module)):
        found = getattr(module, name)
        is_own = getattr(found, "__module__", "").startswith("bnas") and not name.startswith("_")
        if is_own and inspect.isfunction(found) and _is_of(found, module):
            yield from _public(name, module, name, found, found.__doc__)
        elif is_own and inspect.isclass(found) and _is_of(found, module):
            yield from _methods(found)


def _is_of(found: Any, module: Any) -> bool:
    is_error = inspect.isclass(found) and issubclass(found, Exception)
    return not is_error and (hasattr(module, "__all__") or found.__module__ == module.__name__)


def _methods(kind: type) -> Iterator[Public]:
    if hasattr(kind, "__attrs_attrs__"):
        types = {field.name: field.type for field in kind.__attrs_attrs__ if field.init}
        # Fields that take anything are converted: their types are of what is stored.
        wanted = tuple(array_names(types, loose=kind.__name__ == "BitTensor"))
        if wanted:
            yield Public(kind.__name__, kind, "__init__", kind.__init__, kind.__doc__, wanted)
    elif "__init__" in vars(kind):
        init = vars(kind)["__init__"]
        doc = init.__doc__ if "Args:" in (init.__doc__ or "") else kind.__doc__
        yield from _public(f"{kind.__name__}.__init__", kind, "__init__", init, doc)
    for attribute, found in vars(kind).items():
        function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        if inspect.isfunction(function) and (attribute == "__call__" or attribute[0] != "_"):
            name = f"{kind.__name__}.{attribute}"
            yield from _public(name, kind, attribute, function, function.__doc__)


def _public(
    name: str, owner: Any, attribute: str, function: Callable[..., Any], doc: str | None
) -> Iterator[Public]:
    annotations = {
        key: value
        for key, value in getattr(function, "__annotations__", {}).items()
        if f"{name}.{key}" not in OTHERS
    }
    if names := tuple(array_names(annotations, loose=True)):
        yield Public(name, owner, attribute, function, doc, names)


def replacement(public: Public) -> Any:
    """What stands for a callable while it is held to its docstring."""
    if not hasattr(public.owner, "__attrs_attrs__") or public.attribute != "__init__":
        checked = held(public.function, public.doc, public.name)
        kind = inspect.getattr_static(public.owner, public.attribute)
        return classmethod(checked) if isinstance(kind, classmethod) else checked
    look, make = held_class(public.owner), public.function

    @functools.wraps(make)
    def __init__(instance: Any, *args: Any, **kwargs: Any) -> None:
        make(instance, *args, **kwargs)
        look(instance)
        CALLED.add(f"{make.__module__}: {public.name}")

    __init__.is_held = True  # type: ignore[attr-defined]
    return __init__


def hold(patch: Any, modules: Mapping[str, Any]) -> None:
    """Hold all calls of the process, from now on, to the docstrings of loaded public functions.

    Args:
        patch: A pytest.MonkeyPatch, which puts things back.
        modules: `sys.modules`; whatever module of ours or of the tests names a function is told.
    """
    ours = [module for module in modules.values() if _is_ours(module)]
    for name in MODULES:
        for public in public_arrays(modules[name]) if name in modules else ():
            if hasattr(public.function, "is_held"):
                continue
            made = replacement(public)
            if inspect.isclass(public.owner):
                patch.setattr(public.owner, public.attribute, made)
                continue
            for module in ours:
                held_names = [k for k, value in vars(module).items() if value is public.function]
                for known in held_names:
                    patch.setattr(module, known, made)


def _is_ours(module: Any) -> bool:
    path = str(getattr(module, "__file__", None) or "")
    return "bnas" in path.replace("\\", "/").split("/") or "/tests/" in path.replace("\\", "/")


def undocumented(public: Public) -> list[str]:
    """Arrays of which a docstring tells no shape."""
    entries = entries_of(public.doc)
    wanted = [name for name in public.wanted if not terms_of(entries.get(name, ""))]
    return [f"{public.name}: {name}" for name in wanted]
