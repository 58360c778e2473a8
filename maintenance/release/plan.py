"""What a release is going to do, once nothing forbids it."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from maintenance.distributions import Distribution, UnknownDistributionError, chosen
from maintenance.public_api.check import difference
from maintenance.public_api.promise import kinds_of, last_tag, since_release, untold
from maintenance.public_api.snapshot import FILE_NAME, parse, read
from maintenance.public_api.source import Source
from maintenance.release.changelog import UNRELEASED, read_changelog
from maintenance.release.errors import ReleaseError
from maintenance.release.fragments import FOLDER, fragments
from maintenance.release.git import changed_files, git, has_tag
from maintenance.release.needs import unmet, unreleased
from maintenance.release.versions import PARTS, Version, part_for


@attrs.frozen
class Request:
    """What is asked for.

    Args:
        package: Short name of the package.
        version: The version to release; None: what the changes ask for.
        bump: The part to raise; None: what the changes ask for.
        is_dry: Whether to leave no commit and no tag.
    """

    package: str
    version: str | None = None
    bump: str | None = None
    is_dry: bool = False


@attrs.frozen
class Plan:
    """A release that may be.

    Args:
        package: What is released.
        version: The version that it gets.
        is_first: Whether it is the package's first release.
        has_fragments: Whether there are changes to put into the changelog.
        unreleased: Siblings that it needs and that have no release yet.
    """

    package: Distribution
    version: Version
    is_first: bool
    has_fragments: bool
    unreleased: tuple[str, ...]

    @property
    def tag(self) -> str:
        """The tag that the release gets."""
        return f"{self.package.name}-v{self.version}"

    @property
    def title(self) -> str:
        """The subject of the release's commit."""
        return f"{self.package.title} {self.version}"


def make_plan(tree: Path, request: Request) -> Plan:
    """Look whether a release may be, and which version it gets.

    Raises:
        ReleaseError: If not; in one line.
    """
    try:
        [package] = chosen(tree, [request.package])
    except UnknownDistributionError as error:
        raise ReleaseError(str(error)) from error
    if changed := changed_files(tree):
        listed = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
        raise ReleaseError(f"the tree must be committed (got {listed}); commit or stash it")
    last = last_tag(package)
    is_first = last is None
    _check_state(package, last)
    kinds = [fragment.kind for fragment in fragments(package)]
    if not kinds and not is_first:
        raise ReleaseError(
            f"{package.title} has no change since {last}: {package.folder}/{FOLDER} is empty; "
            "write a fragment, or release nothing"
        )
    _check_names(package)
    version = _choose(package, request, kinds, is_first=is_first)
    if has_tag(tree, f"{package.name}-v{version}"):
        raise ReleaseError(f"the tag {package.name}-v{version} exists; choose another VERSION")
    missing = unreleased(package)
    if missing and not request.is_dry:
        raise ReleaseError(
            f"{package.title} needs siblings that have no release ({', '.join(missing)}); "
            "release these first"
        )
    if lacking := unmet(package, Source(tree)):
        raise ReleaseError(lacking)
    return Plan(package, version, is_first, bool(kinds), missing)


def _check_state(package: Distribution, last: str | None) -> None:
    """Refuse a tree whose version, changelog and tags do not tell the same story."""
    heading = re.search(r"^## (.*)$", read_changelog(package), re.MULTILINE)
    newest = heading[1] if heading else "none"
    _check_interrupted(package, last)
    if last is None and newest != f"{package.version} {UNRELEASED}":
        raise ReleaseError(
            f"{package.title} has no tag, but its changelog begins with {newest!r}; "
            f"get the tags (git fetch --tags); the first is '## {package.version} {UNRELEASED}'"
        )
    if last is not None and last != f"{package.name}-v{package.version}":
        raise ReleaseError(
            f"the version must be that of the last release (got {package.version} in "
            f"{package.folder}/pyproject.toml, {last}); a release raises it, nobody else"
        )


def _check_interrupted(package: Distribution, last: str | None) -> None:
    """Name the way out of a release that was killed after its commit, before its tag."""
    subject = git(package.tree, "log", "-1", "--format=%s")
    tag = f"{package.name}-v{package.version}"
    if subject == f"{package.title} {package.version}" and last != tag:
        raise ReleaseError(
            f"HEAD is the commit of {subject} without its tag {tag}; if it was to be: "
            f"git tag -a -m '{subject}' {tag}; if not: git reset --keep HEAD~1"
        )


def _check_names(package: Distribution) -> None:
    """Refuse a change of public names that is not kept, or that no fragment tells of."""
    # The names of the command line come from running it: `make test` looks at those.
    if package.name != "tools" and difference(package, Source(package.tree)):
        raise ReleaseError(
            f"{package.folder}/{FILE_NAME} is not what the source says; run: make public-api"
        )
    if missing := untold(package, since_release(package, parse(read(package)))):
        raise ReleaseError(missing)


def _choose(
    package: Distribution, request: Request, kinds: list[str], *, is_first: bool
) -> Version:
    """Choose the version: no lower than the changes ask for."""
    current = Version.parse(package.version)
    if is_first:
        least, why = current, "the changelog's first version"
    else:
        changes = since_release(package, parse(read(package)))
        part = max(part_for(current, kinds), part_for(current, kinds_of(changes)), key=PARTS.index)
        least, why = current.raised(part), f"{_reason(kinds, changes.breaking)} raise the {part}"
    if request.version is not None:
        chosen = Version.parse(request.version)
    elif request.bump is not None:
        if request.bump not in PARTS:
            raise ReleaseError(f"`BUMP` must be one of {', '.join(PARTS)} (got {request.bump!r})")
        chosen = current.raised(request.bump)
    else:
        return least
    if chosen < least:
        raise ReleaseError(
            f"{package.title} {chosen} is too low after {current}: {why}, "
            f"so the version must be {least} or higher"
        )
    return chosen


def _reason(kinds: list[str], breaking: tuple[str, ...]) -> str:
    if breaking:
        return f"changes of public names ({breaking[0]})"
    return f"its fragments ({', '.join(sorted(set(kinds)))})"
