"""`difference`: what is printed beside what a page says is printed."""

from __future__ import annotations

import difflib
import doctest
import re

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
# Columns of tables are as wide as their widest entry, and rules as wide as their table.
_STRETCH = re.compile(r" {2,}|─+")


def difference(expected: str, printed: str, *, numbers_vary: bool = False) -> str:
    """Return an empty string if the output is as expected, else both, line by line.

    Args:
        expected: What the page shows; ``...`` stands for anything, ``…`` alone on a line too.
        printed: What came.
        numbers_vary: Whether any number is as good as another, and widths of columns too.
    """
    wanted, got = _lines(expected, numbers_vary), _lines(printed, numbers_vary)
    wanted = [line if line.strip() != "…" else "..." for line in wanted]
    shown, came = ("\n".join([*lines, ""]) for lines in (wanted, got))
    if doctest.OutputChecker().check_output(shown, came, doctest.ELLIPSIS):
        return ""
    told = difflib.unified_diff(wanted, got, "expected", "printed", lineterm="", n=1)
    return "\n".join(["the output differs:", *told])


def _lines(text: str, numbers_vary: bool) -> list[str]:
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    if not numbers_vary:
        return lines
    return [_STRETCH.sub(" ", _NUMBER.sub("0", line)).strip() for line in lines]
