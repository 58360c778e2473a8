"""`Tables`: the constant arrays of a C file."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from attrs import define, field

_TYPES = {
    np.dtype(np.uint32): "uint32_t",
    np.dtype(np.uint16): "uint16_t",
    np.dtype(np.int16): "int16_t",
    np.dtype(np.int32): "int32_t",
    np.dtype(np.float32): "float",
}
_LINE = 96


@define
class Tables:
    """Arrays that go to read-only memory; equal ones are kept once.

    Attributes:
        nbytes: Bytes of all of them.
    """

    nbytes: int = 0
    _names: dict[tuple[str, bytes], str] = field(factory=dict)
    _texts: list[str] = field(factory=list)

    def add(self, kind: str, array: np.ndarray) -> str:
        """Return the name of a table with these values.

        Args:
            kind: What it holds, an identifier; a number is added to it.
            array: Values in the order of the table, of one of the types that C has a name for.
        """
        key = (array.dtype.str, array.tobytes())
        if key not in self._names:
            name = self._names[key] = f"{kind}_{len(self._names)}"
            self._texts.append(_text(name, array.reshape(-1)))
            self.nbytes += array.nbytes
        return self._names[key]

    def text(self) -> str:
        """Return the definitions of all tables."""
        return "\n".join(self._texts)


def literal(value: np.float32) -> str:
    """Return a constant of C that is exactly this value: the shortest that reads back as it."""
    text = str(value)
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _text(name: str, values: np.ndarray) -> str:
    head = f"static const {_TYPES[values.dtype]} {name}[{len(values)}] = {{\n"
    return head + "\n".join(_lines(_literals(values))) + "\n};"


def _literals(values: np.ndarray) -> Iterable[str]:
    if values.dtype == np.uint32:
        return (f"0x{value:x}" for value in values.tolist())
    if values.dtype == np.float32:
        return map(literal, values)
    return map(str, values.tolist())


def _lines(words: Iterable[str]) -> Iterable[str]:
    """Yield the words with commas between them, in lines of some length."""
    line = ""
    for word in words:
        if len(line) + len(word) + 1 > _LINE:
            yield line
            line = ""
        line += f"{word},"
    yield line
