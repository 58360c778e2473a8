"""The documentation as text: every page is in the navigation, every link leads somewhere."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from maintenance.docs import pages

ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
PAGES = list(pages.page_paths(ROOT))


def test_the_navigation_names_every_page_once() -> None:
    named = [*pages.in_navigation(SETTINGS), *pages.decisions(ROOT)]
    assert sorted(named) == sorted(map(pages.place_in_site, PAGES))


def test_the_list_of_decisions_names_every_record() -> None:
    text = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    records = pages.decisions(ROOT)
    assert len(records) >= 13
    rows = re.findall(r"^\| \[(\d{4})\]\((\S+)\)", text, re.MULTILINE)
    assert [f"adr/{name}" for _, name in rows] == records
    assert all(name.startswith(number) for number, name in rows)
    assert "      - All decisions: adr/README.md\n" in SETTINGS


def test_every_page_is_there() -> None:
    named = map(pages.place_in_repository, pages.in_navigation(SETTINGS))
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_a_navigation_that_would_be_misread_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be '- Title: page.md' \(got '- a.md'\)"):
        pages.in_navigation("nav:\n  - a.md\ntheme: x\n")
    nested = "nav:\n  - A: a.md\n  - B:\n      - C: b/c.md\ntheme: x\n"
    assert pages.in_navigation(nested) == ["a.md", "b/c.md"]


@pytest.mark.parametrize("page", [*PAGES, "README.md"])
def test_every_link_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [pages.target_in_repository(page, target)[0] for target in pages.links(text)]
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_anchor_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    aims = [pages.target_in_repository(page, target) for target in pages.links(text)]
    aims += [(page, anchor) for anchor in re.findall(r"\]\((#[^)\s]+)\)", text)]
    wrong = []
    for path, anchor in aims:
        if anchor and path.endswith(".md") and anchor[1:] not in anchors_of(path):
            wrong.append(path + anchor)
    assert wrong == []


@functools.cache
def anchors_of(page: str) -> set[str]:
    return pages.anchors((ROOT / page).read_text(encoding="utf-8"))


def test_anchors_are_those_of_mkdocs() -> None:
    text = '# The *bit* `x` - [a](b.md), C/C++\n```\n# no\n```\n## In ONNX\n<a id="fig1"></a>\n'
    assert pages.anchors(text) == {"the-bit-x-a-cc", "in-onnx", "fig1"}


def test_what_makes_the_site_is_pinned() -> None:
    recipe = (ROOT / "maintenance/docs.mk").read_text(encoding="utf-8")
    tools = re.search(r"^DOCS_TOOLS := (.*)$", recipe, re.MULTILINE)
    assert tools is not None
    pins = re.findall(r"^(.*)==", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    wanted = [canonicalize_name(Requirement(name).name) for name in shlex.split(tools[1])]
    assert "mkdocs-material" in wanted
    # With --quiet mkdocs counts no warnings, and --strict refuses nothing.
    assert "build --strict\n" in recipe
    assert set(wanted) - set(map(canonicalize_name, pins)) == set()


def test_pages_that_have_links_are_read() -> None:
    text = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    assert len(set(pages.links(text))) >= 13


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        # Out of docs, into it, and between pages that are both elsewhere.
        ("docs/reference/bits.md", "[a](../../packages/zoo/README.md#x)", None),
        ("docs/reference/bits.md", "[a](../api/zoo.md)", None),
        ("packages/zoo/README.md", "[a](../../docs/adr/0004.md#x)", "[a](../../adr/0004.md#x)"),
        ("tools/README.md", "[a](../packages/zoo/README.md)", None),
        ("CONTRIBUTING.md", "[a](docs/adr)", "[a](adr/README.md)"),
        ("CONTRIBUTING.md", '[a](README.md "T")', '[a](index.md "T")'),
        # What the site has not is named.
        ("CONTRIBUTING.md", "[the `makefile`](Makefile)", "the `makefile` (`Makefile`)"),
        ("benchmarks/RESULTS.md", "[r](results)", "r (`benchmarks/results`)"),
        # What is no link to a file stays.
        ("tools/README.md", "[a](https://example.org/a.md) [b](#c)", None),
        ("tools/README.md", "`[a](docs)` and ``f(`)[a](b)``", None),
        ("tools/README.md", "```\n[a](docs)\n```", None),
        ("tools/README.md", "    [a](docs)", None),
    ],
)
def test_links_are_turned_for_the_site(page: str, link: str, expected: str | None) -> None:
    changed = pages.for_site(page, link, ROOT)
    wanted = link.replace("../../packages", "../packages") if expected is None else expected
    assert changed == wanted


def test_pictures_are_links() -> None:
    text = "![a [b]](c.png) [![d](e.svg)](f.md)"
    assert list(pages.links(text)) == ["c.png", "e.svg", "f.md"]
