"""What forbids a release: one line that says why and what to do, and nothing has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Checkout


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
    checkout.edit("zoo", "public-api.txt", ", loud=False", ", quiet=False")
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
    checkout.edit("zoo", "pyproject.toml", 'version = "0.1.0"', 'version = "0.1.1"')
    checkout.commit("bnas-zoo 0.1.1")
    said = refused(checkout, "zoo")
    assert "git tag -a -m 'bnas-zoo 0.1.1' zoo-v0.1.1" in said
    assert "git reset --keep HEAD~1" in said
    checkout.git("tag", "--delete", "zoo-v0.1.0")
    assert "git tag -a -m 'bnas-zoo 0.1.1'" in refused(checkout, "zoo")
