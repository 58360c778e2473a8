"""`read_page`: the fenced blocks of a Markdown page, and the marks in the comments before them.

A mark is an HTML comment, alone on its line, before the fence that it is about:

* ``<!-- not run: REASON -->``: the block is not run.
* ``<!-- slow: REASON -->``: the block runs in the slow lane only; no other block needs it.
* ``<!-- numbers vary: REASON -->``: numbers of the shown output may differ.

``<!-- hidden example`` begins a comment of several lines that is Python to run: what the page takes
for granted, such as that there is a photo. A line ``-->`` ends it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen

NOT_RUN, SLOW, NUMBERS_VARY = "not run", "slow", "numbers vary"

_FENCE = re.compile(r"(?P<indent> *)(?P<marks>`{3,}|~{3,}) *(?P<language>[\w+-]*)(?P<rest>.*)")
_MARK = re.compile(rf"\s*<!-- ({NOT_RUN}|{SLOW}|{NUMBERS_VARY}): (\S.*?) -->\s*")
_HIDDEN = "<!-- hidden example"
_TITLE = re.compile(r'title="([^"]+)"')


class PageError(ValueError):
    """A page whose blocks cannot be told apart."""


@frozen
class Block:
    """One fenced block.

    Attributes:
        language: What stands after the fence, such as ``"python"``; may be empty.
        text: Its lines, without the indentation of the fence.
        line: Number of its first line in the page, from 1.
        title: The name of the file whose content it is; empty if it is none.
        marks: Name of each mark before it -> the reason that the mark gives.
        follows: Whether it comes right after the block before it, blank lines aside.
    """

    language: str
    text: str
    line: int
    title: str = ""
    marks: dict[str, str] = field(factory=dict)
    follows: bool = False


def read_page(path: Path) -> list[Block]:
    """Return the blocks of a page in their order.

    Raises:
        PageError: A fence or a hidden example without end, or a mark without a block.
    """
    numbered = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    blocks: list[Block] = []
    marks: dict[str, str] = {}
    follows = False
    for number, line in numbered:
        if mark := _MARK.fullmatch(line):
            marks[mark[1]] = mark[2]
        elif line.strip() == _HIDDEN:
            text = "\n".join(_until("-->", numbered, f"{path}:{number}"))
            blocks.append(Block("python", f"{text}\n", number + 1))
            follows = False
        elif fence := _FENCE.fullmatch(line):
            lines = _until(fence["marks"], numbered, f"{path}:{number}")
            blocks.append(_block(fence, lines, number, marks, follows))
            marks, follows = {}, True
        elif line.strip():
            follows = False
            if marks:
                raise PageError(f"{path}:{number}: a mark must be right before a fence")
    return blocks


def _until(end: str, numbered: Iterator[tuple[int, str]], place: str) -> list[str]:
    lines: list[str] = []
    for _, line in numbered:
        if line.strip() == end:
            return lines
        lines.append(line)
    raise PageError(f"{place}: what begins here has no end ({end})")


def _block(
    fence: re.Match[str], lines: list[str], number: int, marks: dict[str, str], follows: bool
) -> Block:
    cut = [line.removeprefix(fence["indent"]) for line in lines]
    text = textwrap.dedent("\n".join(cut)) if fence["indent"] else "\n".join(cut)
    title = _TITLE.search(fence["rest"])
    return Block(
        fence["language"], f"{text}\n", number + 1, title[1] if title else "", marks, follows
    )
