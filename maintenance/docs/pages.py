"""The pages of the documentation: where they lie in the repository, and where in the site.

A page below ``docs`` keeps its path without ``docs/``. Pages that lie elsewhere are brought in
under their own path: ``packages/zoo/README.md`` is that in the site too. So a link that is right in
a checkout can be turned into one between pages.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from maintenance.distributions import distributions

#: Folder of the pages that the site is made of.
DOCS = "docs"
#: The repository's front page; the site has its own, which says the same to its readers.
FRONTS = {"README.md": "index.md"}
#: What trainings leave there; git ignores it, and so does mkdocs.yml.
LEFT_OUT = "docs/reproduction/runs/"
PACKAGES = tuple(each.folder for each in distributions(Path(__file__).parents[2]).values())
#: Pages outside of ``docs``, by their path in the repository.
BROUGHT_IN = (
    "CONTRIBUTING.md",
    "benchmarks/RESULTS.md",
    *(f"{package}/{name}" for package in PACKAGES for name in ("README.md", "CHANGELOG.md")),
)

_NAVIGATION = re.compile(r"^nav:\n((?: .*\n)+)", re.MULTILINE)
_ENTRY = re.compile(r" +- [^:]+:(?: (\S+\.md))?")
_HEADING = re.compile(r"#{1,6} (.+?)(?: #+)?")
_FENCE = re.compile(r"^ *(```|~~~)")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)([^()]*)\)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class Link(NamedTuple):
    """A link or a picture.

    Attributes:
        mark: ``!`` of a picture.
        words: What is read.
        target: What it leads to, with the anchor.
        title: What stands behind the target, with the blank before it.
    """

    mark: str
    words: str
    target: str
    title: str


def in_navigation(settings: str) -> list[str]:
    """Return the pages that the navigation of mkdocs.yml names, in its order.

    Args:
        settings: The text of mkdocs.yml, in whose key ``nav`` every line is ``- Title: page.md``
            or ``- Title:`` of a section. It is read without a library for YAML, so that a test
            needs none.

    Raises:
        ValueError: Another line.
    """
    found = []
    for line in _NAVIGATION.search(settings)[1].splitlines():  # type: ignore[index]
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            raise ValueError(f"a line of `nav` must be '- Title: page.md' (got {line.strip()!r})")
        found += [entry[1]] if entry[1] else []
    return found


def decisions(root: Path) -> list[str]:
    """Return the records of decisions as places in the site; nobody writes them into mkdocs.yml."""
    return [f"adr/{path.name}" for path in sorted((root / DOCS / "adr").glob("[0-9]*.md"))]


def page_paths(root: Path) -> Iterator[str]:
    """Yield the path in the repository of every page, those that are brought in last."""
    found = (path.relative_to(root).as_posix() for path in (root / DOCS).rglob("*.md"))
    yield from sorted(path for path in found if not path.startswith(LEFT_OUT))
    yield from BROUGHT_IN


def place_in_site(path: str) -> str | None:
    """Return where the site has a file of the repository, None if it has not.

    Args:
        path: Relative to the root of the repository, with ``/``.
    """
    path = FRONTS.get(path, path)
    if path == "index.md" or path in BROUGHT_IN:
        return path
    return path.removeprefix(f"{DOCS}/") if path.startswith(f"{DOCS}/") else None


def place_in_repository(uri: str) -> str:
    """Return the path in the repository of a page of the site."""
    return uri if uri in BROUGHT_IN else f"{DOCS}/{uri}"


def links(text: str) -> Iterator[str]:
    """Yield the targets of all links and pictures that lead to files of the repository."""
    found: list[str] = []

    def note(link: Link) -> str:
        found.append(link.target)
        return ""

    change_links(text, note)
    yield from found


def anchors(text: str) -> set[str]:
    """Return what may stand behind ``#`` in a link to a page: headings as mkdocs names them, ids.

    The second of two equal headings gets a number, which nobody should link to: it is left out.
    """
    found = set(re.findall(r'<[^<>]* id="([^"]+)"', text))
    for line, is_text in _lines(text):
        if is_text and (heading := _HEADING.fullmatch(line.rstrip())):
            words = _LINK.sub(r"\2", heading[1]).replace("`", "").lower()
            found.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words).strip()))
    return found


def change_links(text: str, change: Callable[[Link], str]) -> str:
    """Replace links and pictures that lead to files of the repository, but those in code.

    Args:
        text: A page in Markdown.
        change: Returns what stands in the place of a link.
    """

    def changed(match: re.Match[str]) -> str:
        mark, words, target, title = match.groups()
        # A picture may be what one clicks at.
        words = _LINK.sub(changed, words)
        if target.startswith(("#", "/")) or _ELSEWHERE.match(target):
            return f"{mark}[{words}]({target}{title})"
        return change(Link(mark, words, target, title))

    return "".join(
        _outside_code(line, lambda part: _LINK.sub(changed, part)) if is_text else line
        for line, is_text in _lines(text)
    )


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield every line, and whether it is text rather than code."""
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        yield line, not (fence or mark or line.startswith("    "))
        if mark:
            fence = "" if fence == mark[1] else fence or mark[1]


def _outside_code(line: str, change: Callable[[str], str]) -> str:
    """Change a line but for its code spans; a code span inside of a link's text is part of it."""
    spans = [code.span() for code in _CODE.finditer(line)]
    inside = [link.span() for link in _LINK.finditer(line)]
    hidden = [s for s in spans if not any(a <= s[0] and s[1] <= b for a, b in inside)]
    parts, at = [], 0
    for start, end in hidden:
        parts += [change(line[at:start]), line[start:end]]
        at = end
    return "".join([*parts, change(line[at:])])


def target_in_repository(page: str, target: str) -> tuple[str, str]:
    """Return the path that a link leads to, and its anchor with ``#``.

    Args:
        page: The page's path in the repository.
        target: As the link has it.
    """
    path, _, anchor = target.partition("#")
    folder = posixpath.dirname(page)
    return posixpath.normpath(posixpath.join(folder, path)), f"#{anchor}" if anchor else ""


def for_site(page: str, text: str, root: Path) -> str:
    """Return a page with links as the site needs them.

    A link to a folder leads to its README. What the site does not have is named instead: the text
    of the link stays, with the path in the repository behind it.

    Args:
        page: The page's path in the repository.
        text: What stands there.
        root: The repository.
    """
    here = place_in_site(page) or page

    def change(link: Link) -> str:
        path, anchor = target_in_repository(page, link.target)
        if (root / path).is_dir():
            path = f"{path}/README.md"
        there = place_in_site(path)
        if there is None:
            return f"{link.words} (`{path.removesuffix('/README.md')}`)"
        relative = posixpath.relpath(there, posixpath.dirname(here) or ".")
        return f"{link.mark}[{link.words}]({relative}{anchor}{link.title})"

    return change_links(text, change)
