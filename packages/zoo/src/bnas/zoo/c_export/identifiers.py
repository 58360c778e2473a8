"""Names in C: the prefix of what an exported file makes public."""

from __future__ import annotations

import re

from bnas.zoo.errors import ExportError

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: Prefix of a network whose name begins with no letter, or that has none.
_NO_NAME = "network"


def prefix_of(name: str) -> str:
    """Return the prefix for a network of this name: ``"BNAS-Mini"`` -> ``"bnas_mini"``."""
    prefix = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return prefix if _PREFIX.fullmatch(prefix) else _NO_NAME


def check_prefix(prefix: str) -> None:
    """Refuse what cannot begin an identifier of C.

    Raises:
        ExportError: Other characters than letters, digits and '_', or no letter at the beginning.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ExportError(
            "`prefix` must be letters, digits and '_', a letter first, as the names in C that "
            f"begin with it (got {prefix!r})"
        )


def as_comment(text: str) -> str:
    """Return text that may stand in a comment: one line, ASCII, and no end of the comment."""
    line = " ".join(text.split()).encode("ascii", "replace").decode("ascii")
    # A trigraph such as ??/ would be a backslash to a C99 compiler.
    return line.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")


def as_string(text: str) -> str:
    r"""Return a string literal of the UTF-8 bytes of `text`; what is not plain is ``\ooo``."""
    plain = set(range(0x20, 0x7F)) - set(b'"\\?')
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode()) + '"'
