"""What a change of public names asks for: a fragment that tells of it, and a version."""

from __future__ import annotations

import re
import subprocess

from maintenance.distributions import Distribution
from maintenance.public_api.changes import Changes, compare
from maintenance.public_api.snapshot import FILE_NAME, Sections, parse, read
from maintenance.release.fragments import FOLDER, fragments
from maintenance.release.versions import PATTERN, Version, part_for

# Which fragments tell of which change. What breaks somebody is never a mere addition.
_TELLING = {
    "breaking": ("breaking", "removed"),
    "added": ("added", "changed", "breaking", "removed"),
    "changed": ("changed", "added", "fixed", "breaking", "removed"),
}


def kinds_of(changes: Changes) -> list[str]:
    """Name the kinds of change there are: "breaking", "added", "changed"."""
    return [kind for kind in _TELLING if getattr(changes, kind)]


def untold(package: Distribution, changes: Changes) -> str | None:
    """Say which fragment is missing for changes of public names; None if all are told of."""
    present = {fragment.kind for fragment in fragments(package)}
    for kind in kinds_of(changes):
        if not present & set(_TELLING[kind]):
            names = " or ".join(f"+<slug>.{each}.md" for each in _TELLING[kind][:2])
            return (
                f"{package.title}: public names changed ({kind}), and {package.folder}/{FOLDER} "
                f"has no fragment that says so; write {names} there"
            )
    return None


def released(package: Distribution) -> tuple[str, Sections] | None:
    """Read the snapshot at a package's last release: its tag and sections; None before the first.

    A checkout without its tags counts as one before the first release.
    """
    tag = last_tag(package)
    sections = tag and snapshot_at(package, tag)
    return (tag, sections) if tag is not None and sections else None


def snapshot_at(package: Distribution, tag: str) -> Sections | None:
    """Read the snapshot at a tag; None where there was none."""
    show = ("git", "show", f"{tag}:{package.folder}/{FILE_NAME}")
    shown = subprocess.run(show, cwd=package.tree, capture_output=True, text=True, check=False)
    return parse(shown.stdout) if shown.returncode == 0 else None


def last_tag(package: Distribution) -> str | None:
    """Name the tag of a package's highest release that this commit descends from."""
    released = versions(package)
    return f"{package.name}-v{released[-1]}" if released else None


def versions(package: Distribution) -> list[Version]:
    """List the releases that this commit descends from, the lowest first.

    Other tags, like zoo-v0.2.0-rc1, are somebody's own.
    """
    listing = ("git", "tag", "--list", "--merged", "HEAD", f"{package.name}-v*")
    listed = subprocess.run(listing, cwd=package.tree, capture_output=True, text=True, check=False)
    named = [re.fullmatch(rf"{package.name}-v({PATTERN})", tag) for tag in listed.stdout.split()]
    return sorted(Version.parse(each[1]) for each in named if each)


def since_release(package: Distribution, now: Sections) -> Changes:
    """Compare names with those of the last release; before the first, with those that are kept."""
    last = released(package)
    kept = parse(read(package))
    return compare(last[1] if last else kept or now, now)


def demand(package: Distribution, changes: Changes) -> str:
    """Say which part of the version such changes must raise."""
    return part_for(Version.parse(package.version), kinds_of(changes))
