"""The examples of the documentation, run: ``python -m maintenance.examples PAGE...``.

The blocks of a page run in their order, in an empty folder and in one namespace:

* ``python`` is executed, or is compared with its ``>>>`` examples if it has any. What a plain block
  prints is compared with a ``text`` block that follows it.
* ``console``: lines that begin with ``$ `` are commands for bash, the lines below each the output
  that it must have, none if any will do. A command whose shown output has a line ``Error: …``
  must fail, every other one must not. A block is one shell.
* A block with a title (``title="kernel.py"``) is written to the file of that name.

``...`` in expected output stands for anything. For marks see `maintenance.markdown_page`.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import itertools
import linecache
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from maintenance.console import ShellError, run_console
from maintenance.expected_output import difference
from maintenance.markdown_page import NOT_RUN, NUMBERS_VARY, SLOW, Block, read_page

ROOT = Path(__file__).parents[1]
#: Pages that are data of a chore, or the record of a decision: their blocks are no examples.
_PAGES = ("README.md", "CONTRIBUTING.md", "tools/README.md", "packages/*/README.md", "docs/**/*.md")


class ExampleError(AssertionError):
    """An example that fails, or says something else than its page."""


def pages(root: Path = ROOT) -> list[Path]:
    """Return every page whose examples are run."""
    return sorted({path for pattern in _PAGES for path in root.glob(pattern)})


@frozen
class _Page:
    """A page that is being run.

    Attributes:
        path: Its file.
        folder: Where its examples run.
        environment: The variables of its commands.
        namespace: The names of its Python blocks.
    """

    path: Path
    folder: Path
    environment: Mapping[str, str]
    namespace: dict[str, Any] = field(factory=lambda: {"__name__": "__main__"})

    def fail(self, block: Block, what: str) -> ExampleError:
        return ExampleError(f"{self.path}:{block.line}: {what}")


def run_page(path: Path, folder: Path, *, slow: bool = False) -> int:
    """Run the examples of a page; returns how many blocks ran.

    Args:
        path: The page.
        folder: An empty folder for it to work in.
        slow: Whether to run blocks that are marked as slow too.

    Raises:
        ExampleError: An example fails, or prints something else than the page says.
    """
    blocks = read_page(path)
    count = 0
    with _session_in(folder), command_folder() as commands:
        page = _Page(path, folder, _environment(commands))
        for block, after in itertools.zip_longest(blocks, blocks[1:]):
            if NOT_RUN not in block.marks and (slow or SLOW not in block.marks):
                shown = after if after and _is_shown(after) else None
                count += _run(page, block, shown)
    return count


@contextlib.contextmanager
def _session_in(folder: Path) -> Iterator[None]:
    """Be in a folder, as an interactive Python is: modules that lie there can be imported."""
    known, place = set(sys.modules), str(folder)
    sys.path.insert(0, place)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.path.remove(place)
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(place):
                del sys.modules[name]


def _is_shown(block: Block) -> bool:
    return block.follows and block.language == "text" and NOT_RUN not in block.marks


def _run(page: _Page, block: Block, shown: Block | None) -> bool:
    if block.title:
        target = page.folder / block.title
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text, encoding="utf-8")
    elif block.language == "console":
        _run_console(page, block)
    elif block.language == "python" and block.text.lstrip().startswith(">>> "):
        _run_doctest(page, block)
    elif block.language == "python":
        _run_python(page, block, shown)
    else:
        return False
    return True


def _run_console(page: _Page, block: Block) -> None:
    vary = NUMBERS_VARY in block.marks
    try:
        run_console(block.text, page.folder, page.environment, numbers_vary=vary)
    except ShellError as error:
        raise page.fail(block, str(error)) from error


def _run_python(page: _Page, block: Block, shown: Block | None) -> None:
    # The page's own lines stand in tracebacks, and where something asks for its source.
    padded = "\n" * (block.line - 1) + block.text
    linecache.cache[str(page.path)] = (len(padded), None, padded.splitlines(True), str(page.path))
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(padded, str(page.path), "exec"), page.namespace)
    except BaseException as error:
        what = f"{type(error).__name__}: {error}"
        raise page.fail(block, what) from error
    if shown is not None:
        vary = NUMBERS_VARY in shown.marks
        if told := difference(shown.text, printed.getvalue(), numbers_vary=vary):
            raise page.fail(shown, told)


def _run_doctest(page: _Page, block: Block) -> None:
    name, flags = str(page.path), doctest.ELLIPSIS
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=flags)
    test = parser.get_doctest(block.text, {}, name, name, block.line - 1)
    test.globs = page.namespace
    told: list[str] = []
    if runner.run(test, out=told.append, clear_globs=False).failed:
        raise page.fail(block, "".join(told))


@contextlib.contextmanager
def command_folder() -> Iterator[Path]:
    """Make a folder with the commands that pages call, each run by this very interpreter."""
    modules = {"bnas-tools": "bnas.tools.main", "pytest": "pytest"}
    python = f'exec "{sys.executable}"'
    lines = {name: f'{python} -m {module} "$@"' for name, module in modules.items()}
    with tempfile.TemporaryDirectory() as name:
        for command, line in {**lines, "python": f'{python} "$@"'}.items():
            file = Path(name, command)
            file.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
            file.chmod(0o755)
        yield Path(name)


def _environment(commands: Path) -> dict[str, str]:
    # Output is what a pipe gets, whatever the terminal; kernels for GPUs are not simulated; threads
    # of torch do not wait in loops for each other where others work.
    left_out = {"COLUMNS", "NUMBA_ENABLE_CUDASIM", "PYTEST_ADDOPTS", "FORCE_COLOR"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    paths = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
    path = os.pathsep.join([str(commands), environment.get("PATH", os.defpath)])
    return {
        **environment,
        "PYTHONPATH": paths,
        "PATH": path,
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",
    }


def main(arguments: list[str]) -> int:
    """Run pages in folders of their own and tell what fails; returns the exit code."""
    slow = "--slow" in arguments
    chosen = [Path(name).resolve() for name in arguments if name != "--slow"] or pages()
    failed = 0
    for path in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                told = f"{run_page(path, Path(folder), slow=slow)} blocks"
            except ExampleError as error:
                told, failed = f"FAILED\n{error}", failed + 1
        sys.stdout.write(f"{path}: {told}\n")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
