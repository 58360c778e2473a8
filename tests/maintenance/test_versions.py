"""Which version a change asks for, and which file names tell of a change."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from maintenance.release.changelog import CONFIG
from maintenance.release.errors import ReleaseError
from maintenance.release.fragments import TYPES, fragments
from maintenance.release.versions import Version, part_for

if TYPE_CHECKING:
    from conftest import Checkout


@pytest.mark.parametrize(
    ("current", "kinds", "following"),
    [
        ("0.1.3", ["fixed", "added", "changed"], "0.1.4"),
        ("0.1.3", ["fixed", "breaking"], "0.2.0"),
        ("0.1.3", ["removed"], "0.2.0"),
        ("1.2.3", ["fixed"], "1.2.4"),
        ("1.2.3", ["fixed", "added"], "1.3.0"),
        ("1.2.3", ["changed"], "1.3.0"),
        ("1.2.3", ["added", "removed"], "2.0.0"),
    ],
)
def test_the_part_that_changes_raise(current: str, kinds: list[str], following: str) -> None:
    version = Version.parse(current)
    assert str(version.raised(part_for(version, kinds))) == following


def test_versions_are_ordered_as_numbers() -> None:
    assert Version.parse("0.10.0") > Version.parse("0.9.9")
    assert (Version(0, 3, 4).series, Version(2, 3, 4).series) == (("0.3", "0.4"), ("2.3", "3"))


@pytest.mark.parametrize("text", ["1.2", "1.2.3rc1", "v1.2.3", "01.2.3", ""])
def test_other_versions_are_refused(text: str) -> None:
    with pytest.raises(ReleaseError, match="major.minor.patch"):
        Version.parse(text)


def test_fragments_tell_their_kind(checkout: Checkout) -> None:
    assert fragments(checkout.package("zoo")) == []
    for name in ("+a.added.md", "+b.breaking.md", "12.fixed.md", "+a.added.1.md"):
        checkout.write(f"packages/zoo/changelog.d/{name}", "Something.\n")
    kinds = [fragment.kind for fragment in fragments(checkout.package("zoo"))]
    assert sorted(kinds) == ["added", "added", "breaking", "fixed"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("+a.feature.md", "x", r"\+a.feature.md"),
        ("+a.added.md", " \n", "says nothing"),
        ("a.added.md", "x", "got a.added.md"),
    ],
)
def test_what_is_no_fragment_is_named(checkout: Checkout, name: str, text: str, told: str) -> None:
    checkout.write(f"packages/zoo/changelog.d/{name}", text)
    with pytest.raises(ReleaseError, match=told):
        fragments(checkout.package("zoo"))


def test_towncrier_knows_the_same_types() -> None:
    settings = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["tool"]["towncrier"]
    assert tuple(each["directory"] for each in settings["type"]) == TYPES
