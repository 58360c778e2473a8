"""One release from end to end: in a checkout of its own, and into the branch only if all held."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from maintenance.distributions import distributions
from maintenance.release.build import build_twice, check_built
from maintenance.release.changelog import section, write_changelog
from maintenance.release.errors import ReleaseError
from maintenance.release.git import commit, git, worktree
from maintenance.release.plan import Plan, Request, make_plan
from maintenance.release.siblings import move_ranges, set_version


@attrs.frozen
class Release:
    """What was done, or would be.

    Args:
        plan: What was asked for.
        section: The new section of the changelog.
        files: Files of the commit, with their numbers of lines, as git tells them.
        built: Names of what was built, with their sizes in bytes.
        moved: Siblings that ask for another range now.
    """

    plan: Plan
    section: str
    files: str
    built: dict[str, int]
    moved: tuple[str, ...]


def cut(tree: Path, request: Request) -> Release:
    """Release a package, or show what that would be.

    Args:
        tree: Root of the checkout; its branch gets the commit, its folder dist/ what was built.
        request: What is asked for.

    Raises:
        ReleaseError: If the release must not be or a step failed. Then nothing has changed.
        KeyboardInterrupt: If somebody interrupts it before it is there; nothing has changed.
    """
    plan = make_plan(tree, request)
    if not request.is_dry:
        _check_branch(tree)
    kept: Release | None = None
    try:
        # What cannot be removed is no reason to say that there is no release.
        with tempfile.TemporaryDirectory(prefix="dist-", ignore_cleanup_errors=True) as folder:
            with worktree(tree) as copy:
                name, release, built = _make(copy, plan, Path(folder), is_dry=request.is_dry)
            # Last of all: an interruption before it has changed nothing.
            if not request.is_dry:
                _keep(tree, release, name, built)
                kept = release
    except KeyboardInterrupt:
        if kept is None:
            raise
        return kept  # The commit and the tag are there: whoever interrupts must be told.
    return release


def _make(copy: Path, plan: Plan, folder: Path, *, is_dry: bool) -> tuple[str, Release, list[Path]]:
    """Make a release's commit in a checkout of its own, build it and check what was built."""
    package = distributions(copy)[plan.package.name]
    set_version(package, plan.version)
    moved = tuple(move_ranges(package, plan.version))
    write_changelog(package, plan.version, has_fragments=plan.has_fragments, is_first=plan.is_first)
    name = commit(copy, plan.title, needs_author=not is_dry)
    built = build_twice(package, folder)
    check_built(package, built)
    files = git(copy, "show", "--stat=100", "--format=", name)
    return name, Release(plan, section(package), files, _sizes(built), moved), built


def _check_branch(tree: Path) -> None:
    if git(tree, "branch", "--show-current") == "":
        raise ReleaseError("a release needs a branch (got a detached HEAD); git switch one")
    git(tree, "var", "GIT_COMMITTER_IDENT")  # Fails with git's own words where nobody is named.


def _sizes(built: list[Path]) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in built}


def _keep(tree: Path, release: Release, name: str, built: list[Path]) -> None:
    """Take a release over: what was built, the branch, the tag; all of it or nothing."""
    before = git(tree, "rev-parse", "HEAD")
    message = f"{release.plan.title}\n\n{release.section}"
    with _copied(built, tree / "dist"):
        try:
            git(tree, "merge", "--quiet", "--ff-only", name)
            tag = ("tag", "--annotate", "--cleanup=verbatim", "-m", message, release.plan.tag)
            git(tree, *tag, name)
        except BaseException:  # An interruption too.
            with suppress(ReleaseError):
                git(tree, "tag", "--delete", release.plan.tag)
            git(tree, "reset", "--quiet", "--keep", before)
            raise


@contextmanager
def _copied(built: list[Path], dist: Path) -> Iterator[None]:
    """Copy what was built into dist/; if what follows fails, it goes again.

    Only what was not there: what somebody else has put there stays as it is.
    """
    missing: list[Path] = []
    try:
        try:
            missing = _missing(built, dist)
            dist.mkdir(exist_ok=True)
            for path in missing:
                shutil.copy2(path, dist / path.name)
        except OSError as error:
            raise ReleaseError(f"dist/ must take what was built (got: {error})") from error
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                (dist / path.name).unlink()
        raise


def _missing(built: list[Path], dist: Path) -> list[Path]:
    """List what dist/ does not have yet; refuse another file of the same name."""
    for path in built:
        there = dist / path.name
        if there.exists() and not (there.is_file() and filecmp.cmp(path, there, shallow=False)):
            raise ReleaseError(
                f"dist/{path.name} must be what was built (got another one); move it away"
            )
    return [path for path in built if not (dist / path.name).exists()]
