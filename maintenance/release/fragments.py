"""Fragments: one change each, in packages/X/changelog.d, until a release puts them together."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from maintenance.distributions import Distribution
from maintenance.release.errors import ReleaseError

FOLDER = "changelog.d"
#: The types of a change, in the changelog's order. The same stand in towncrier.toml.
TYPES = ("breaking", "removed", "changed", "added", "fixed")
# What has no "+" is the number of an issue, which the changelog names.
_NAME = re.compile(rf"(\+[A-Za-z0-9][\w.-]*?|\d+)\.(?P<kind>{'|'.join(TYPES)})(\.\d+)?\.md")


@attrs.frozen
class Fragment:
    """One change since the last release.

    Args:
        path: Its file.
        kind: One of `TYPES`.
    """

    path: Path
    kind: str


def fragments(package: Distribution) -> list[Fragment]:
    """Find a package's fragments, by name.

    Raises:
        ReleaseError: If a file there is no fragment, or says nothing.
    """
    folder = package.root / FOLDER
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        named = _NAME.fullmatch(path.name)
        if named is None:
            raise ReleaseError(
                f"{package.folder}/{FOLDER} must hold files +<slug>.<{'|'.join(TYPES)}>.md "
                f"(got {path.name}); rename it"
            )
        if not path.read_text(encoding="utf-8").strip():
            raise ReleaseError(f"{package.folder}/{FOLDER}/{path.name} says nothing; write it")
        found.append(Fragment(path, named["kind"]))
    return found
