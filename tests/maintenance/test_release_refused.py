"""What forbids a release: one line that says why and what to do, and nothing has changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from maintenance.public_api.__main__ import main as write_snapshots
from maintenance.release.__main__ import main

if TYPE_CHECKING:
    from conftest import Checkout

ANSWER = "def answer(question, *, loud=False): ...\n"


def test_an_unknown_package(checkout: Checkout, refused: Callable[..., str]) -> None:
    assert "one of binops, cells" in refused(checkout, "zoos")


def test_a_tree_that_is_not_committed(checkout: Checkout, refused: Callable[..., str]) -> None:
    checkout.write("packages/zoo/new.txt", "new\n")
    assert "packages/zoo/new.txt" in refused(checkout, "zoo")


def test_a_release_of_nothing(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    assert "no change since zoo-v0.1.0" in refused(released("zoo"), "zoo")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--version", "0.1.0"), "0.1.0 is too low after 0.1.0"),
        (("--version", "0.0.9"), "must be 0.1.1 or higher"),
        (("--version", "0.2"), "major.minor.patch"),
        (("--bump", "huge"), "patch, minor, major"),
        (("--bump", "minor", "--version", "0.2.0"), "not both"),
    ],
)
def test_versions_that_do_not_grow(
    released: Callable[[str], Checkout],
    refused: Callable[..., str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    checkout = released("zoo")
    checkout.change()
    assert told in refused(checkout, "zoo", *arguments)


def test_a_breaking_fragment_asks_for_more(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    checkout.change("breaking")
    said = refused(checkout, "zoo", "--version", "0.1.9")
    assert "its fragments (breaking) raise the minor, so the version must be 0.2.0" in said


def test_public_names_that_are_not_kept(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    checkout.change("breaking", "def ask(): ...\n")
    assert "make public-api" in refused(checkout, "zoo")


def test_public_names_ask_for_a_fragment_and_a_version(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    path = checkout.package("zoo").root / "public-api.txt"
    path.write_text(path.read_text().replace(", loud=False", ", quiet=False"))
    checkout.change("added", "def answer(question, *, quiet=False): ...\n")
    assert "+<slug>.breaking.md" in refused(checkout, "zoo")
    checkout.git(
        "mv", "packages/zoo/changelog.d/+news.added.md", "packages/zoo/changelog.d/+n.removed.md"
    )
    checkout.commit()
    said = refused(checkout, "zoo", "--bump", "patch")
    assert "bnas.zoo.answer(loud): parameter was removed" in said
    assert "0.2.0 or higher" in said


def test_a_tag_that_exists(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    checkout.git("switch", "--quiet", "--create", "elsewhere")
    checkout.git("commit", "--quiet", "--allow-empty", "--message", "elsewhere")
    checkout.git("tag", "zoo-v0.1.1")
    checkout.git("switch", "--quiet", "main")
    checkout.change()
    assert "the tag zoo-v0.1.1 exists" in refused(checkout, "zoo")


def test_a_clone_without_tags(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    checkout.git("tag", "--delete", "zoo-v0.1.0")
    assert "git fetch --tags" in refused(checkout, "zoo")


def test_a_detached_head(checkout: Checkout, refused: Callable[..., str]) -> None:
    checkout.git("switch", "--quiet", "--detach")
    assert "needs a branch" in refused(checkout, "binops")


def test_a_dirty_file_is_named_as_it_is(checkout: Checkout, refused: Callable[..., str]) -> None:
    checkout.write("packages/zoo/größe.txt", "new\n")
    assert "(got packages/zoo/größe.txt)" in refused(checkout, "zoo")


def test_several_packages_at_once(checkout: Checkout, refused: Callable[..., str]) -> None:
    assert "one of binops, cells" in refused(checkout, "zoo binops")


def test_siblings_come_first(checkout: Checkout, refused: Callable[..., str]) -> None:
    said = refused(checkout, "zoo")
    assert "needs siblings that have no release (binops, cells); release these first" in said


def test_a_sibling_of_an_extra_comes_first(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("search")
    path = checkout.package("search").root / "pyproject.toml"
    extra = (
        '[project.optional-dependencies]\nbits = ["bnas-binops>=0.1,<0.2"]\n\n[tool.hatch.build]'
    )
    path.write_text(path.read_text().replace("[tool.hatch.build]", extra))
    checkout.write("packages/search/changelog.d/+bits.added.md", "Extra `bits`.\n")
    checkout.commit()
    assert "no release (binops)" in refused(checkout, "search")


def test_names_that_no_release_of_a_sibling_has(
    released: Callable[[str], Checkout], refused: Callable[..., str], no_build: None
) -> None:
    """Release zoo only against what may be installed with it: ask for more, or release more."""
    checkout = released("zoo")
    checkout.write("packages/cells/src/bnas/cells/inner.py", "def fold(x): ...\n")
    checkout.write("packages/cells/changelog.d/+fold.added.md", "`fold`.\n")
    checkout.change("fixed", "from bnas.cells.inner import fold\n" + ANSWER)
    assert write_snapshots(["--write", "cells"], checkout.root) == 0
    checkout.commit()
    said = refused(checkout, "zoo")
    assert "imports bnas.cells.inner.fold, which bnas-cells 0.1.0 does not have; release" in said
    assert main(["cells"], checkout.root) == 0
    shutil.rmtree(checkout.root / "dist")
    assert "raise bnas-cells<0.2,>=0.1 to >=0.1.1" in refused(checkout, "zoo")
    path = checkout.package("zoo").root / "pyproject.toml"
    path.write_text(path.read_text().replace("bnas-cells>=0.1,", "bnas-cells>=0.1.1,"))
    checkout.commit()
    assert main(["zoo", "--dry-run"], checkout.root) == 0
    path.write_text(path.read_text().replace("bnas-cells>=0.1.1,<0.2", "bnas-cells>=0.2,<0.3"))
    checkout.commit()
    assert "no release of bnas-cells is that (got 0.1.1)" in refused(checkout, "zoo")


def test_a_tag_of_somebody_else_is_none(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    for tag in ("zoo-v0.9.0-rc1", "zoo-v0.9", "zoo-v0.09.0"):
        checkout.git("tag", tag)
    assert "no change since zoo-v0.1.0" in refused(checkout, "zoo")


def test_a_commit_whose_tag_is_missing(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    """Say the way out of a release that was killed between the two, the first one too."""
    checkout = released("zoo")
    path = checkout.package("zoo").root / "pyproject.toml"
    path.write_text(path.read_text().replace('version = "0.1.0"', 'version = "0.1.1"'))
    checkout.commit("bnas-zoo 0.1.1")
    said = refused(checkout, "zoo")
    assert "git tag -a -m 'bnas-zoo 0.1.1' zoo-v0.1.1" in said
    assert "git reset --keep HEAD~1" in said
    checkout.git("tag", "--delete", "zoo-v0.1.0")
    assert "git tag -a -m 'bnas-zoo 0.1.1'" in refused(checkout, "zoo")
