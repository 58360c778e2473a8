"""Semantic versions: which part a change must raise.

From 1.0.0 on: what breaks a caller raises the major version, what adds or changes something the
minor, a fix the patch. Before that, what breaks raises the minor version and all else the patch:
siblings ask for `>=0.1,<0.2`, and so take whatever breaks nobody, and nothing that breaks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from maintenance.release.errors import ReleaseError

#: The parts of a version, the smallest first.
PARTS = ("patch", "minor", "major")
#: What a version looks like, as a regular expression.
PATTERN = r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}"
_BREAKING = {"breaking", "removed"}
_FEATURE = {"changed", "added"}


@attrs.frozen(order=True)
class Version:
    """A released version: major.minor.patch."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version."""
        if not re.fullmatch(PATTERN, text):
            raise ReleaseError(f"`version` must be major.minor.patch, like 1.2.0 (got {text!r})")
        return cls(*(int(part) for part in text.split(".")))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def raised(self, part: str) -> Version:
        """Raise one part, which sets those below it to 0."""
        if part == "major":
            return Version(self.major + 1, 0, 0)
        if part == "minor":
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)

    @property
    def series(self) -> tuple[str, str]:
        """The versions that break nobody who was written for this one: from, and below."""
        if self.major == 0:
            return f"0.{self.minor}", f"0.{self.minor + 1}"
        return f"{self.major}.{self.minor}", f"{self.major + 1}"


def part_for(version: Version, kinds: Iterable[str]) -> str:
    """Name the part that changes of these kinds must raise.

    Args:
        version: The version that they are changes of.
        kinds: Types of fragments.

    Returns:
        One of `PARTS`.
    """
    found = set(kinds)
    if found & _BREAKING:
        return "minor" if version.major == 0 else "major"
    return "minor" if found & _FEATURE and version.major > 0 else "patch"
