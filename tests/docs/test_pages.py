"""Every example of the documentation runs and prints what its page says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from maintenance.examples import ROOT, pages, run_page
from maintenance.markdown_page import NOT_RUN, SLOW, Block, read_page

PAGES = {path.relative_to(ROOT).as_posix(): path for path in pages()}
BLOCKS = {name: read_page(path) for name, path in PAGES.items()}
#: What an example may lack to be run here.
REASONS = (
    "installs packages", "needs a GPU", "needs a cluster", "needs the authors' checkpoint",
    "needs a finished training", "needs photos of one's own", "takes ", "writes into", "builds ",
    "makes ", "of another library", "a fragment of ", "depends on the CPU",
)  # fmt: skip
#: A fence of a shell without prompt, or of Python's prompt under another name, would be read past.
UNREAD = {"sh", "shell", "bash-session", "pycon", "py", "python3", "zsh", "powershell"}


def is_example(block: Block) -> bool:
    return block.language in {"python", "console"}


def with_examples(*, slow: bool) -> list[str]:
    """Return the pages that have something to run; with `slow`, those that have more of it."""
    return [
        name
        for name, blocks in BLOCKS.items()
        if any(
            is_example(block) and NOT_RUN not in block.marks and (SLOW in block.marks) == slow
            for block in blocks
        )
    ]


@pytest.mark.parametrize("name", with_examples(slow=False))
def test_the_examples_are_true(name: str, tmp_path: Path) -> None:
    assert run_page(PAGES[name], tmp_path) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", with_examples(slow=True))
def test_the_slow_examples_are_true_too(name: str, tmp_path: Path) -> None:
    assert run_page(PAGES[name], tmp_path, slow=True) > 0


def test_what_is_not_run_is_little_and_says_why() -> None:
    marked = [
        (name, block.line, block.marks[NOT_RUN])
        for name, blocks in BLOCKS.items()
        for block in blocks
        if NOT_RUN in block.marks and is_example(block)
    ]
    assert [each for each in marked if not each[2].startswith(REASONS)] == []
    examples = sum(is_example(block) for blocks in BLOCKS.values() for block in blocks)
    assert len(marked) < examples / 3, Counter(reason for _, _, reason in marked)


def test_every_example_is_in_a_fence_that_is_read() -> None:
    wrong = [
        f"{name}:{block.line}"
        for name, blocks in BLOCKS.items()
        for block in blocks
        if block.language in UNREAD
        or (block.language == "" and re.search(r"^\$? ?bnas-tools ", block.text, re.MULTILINE))
    ]
    assert wrong == []
