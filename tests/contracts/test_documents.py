"""What pages offer is so: names are promised, extras are listed where one installs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maintenance.distributions import Distribution
from maintenance.public_api.snapshot import listed_names, parse, read

if TYPE_CHECKING:
    from conftest import Package

# An import as a page shows it: in a prompt, in a list, over several lines.
_FROM = re.compile(r"\bfrom +(bnas(?:\.\w+)*) +import +(?:\(([^)]*)\)|([\w, ]+))")
_IMPORT = re.compile(r"(?<![\w.])import +(bnas\.[\w.]*\w)")
_REFERENCE = re.compile(r"^::: (\S+)$", re.MULTILINE)


def offered(text: str) -> set[str]:
    """Name what a page offers, dotted from `bnas` on: what it imports, and the reference's own."""
    found = {*_REFERENCE.findall(text), *_IMPORT.findall(text)}
    for module, lines, line in _FROM.findall(text):
        names = re.sub(r"#.*", "", lines or line).split(",")
        found |= {f"{module}.{name.split()[0]}" for name in names if name.strip()}
    return found


def promised(packages: dict[str, Package], root: Path) -> set[str]:
    """Name what may be offered: the public modules, and what their sections list."""
    found: set[str] = set()
    for name in packages:
        package = Distribution(name, root)
        top = f"bnas.{name}"
        modules = {top, *(f"{top}.{each}" for each in package.public_modules)}
        sections = parse(read(package))
        # Other sections are there for siblings alone.
        found |= modules | {
            f"{each}.{one}"
            for each in modules & sections.keys()
            for one in listed_names(sections[each])
        }
    return found


@pytest.fixture(scope="module")
def pages(root: Path, packages: dict[str, Package]) -> list[Path]:
    readmes = [root / "README.md", *(each.root / "README.md" for each in packages.values())]
    return [*readmes, *sorted((root / "docs").rglob("*.md"))]


def test_every_name_on_a_page_is_promised(
    pages: list[Path], packages: dict[str, Package], root: Path
) -> None:
    public = promised(packages, root)
    by_page = {
        str(page.relative_to(root)): offered(page.read_text(encoding="utf-8")) for page in pages
    }
    assert {"bnas.zoo.latency.measure_latency", "bnas.cells.nodes.Conv"} <= set.union(
        *by_page.values()
    )
    wrong = {page: sorted(names - public) for page, names in by_page.items() if names - public}
    assert wrong == {}, "add the module to `public-modules`, or show another name"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("::: bnas.zoo.a.B\n", {"bnas.zoo.a.B"}),
        (">>> from bnas.zoo.a import B, c as d  # why\n", {"bnas.zoo.a.B", "bnas.zoo.a.c"}),
        ("from bnas.zoo import (\n    a,  # x, y\n    b,\n)\n", {"bnas.zoo.a", "bnas.zoo.b"}),
        ("`import bnas.zoo.a` loads. From bnas, import it", {"bnas.zoo.a"}),
    ],
)
def test_what_a_page_offers(text: str, names: set[str]) -> None:
    assert offered(text) == names


def test_where_a_readme_says_how_to_install_it_lists_every_extra(package: Package) -> None:
    text = (package.root / "README.md").read_text(encoding="utf-8")
    install = text[: text.index("\n## ", text.index("pip install"))]
    assert [
        each for each in package.extras if f"[{each}]" not in install and f"`{each}`" not in install
    ] == []
