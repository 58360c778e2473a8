"""One release from end to end: in a checkout of its own, and into the branch only if all held."""

from __future__ import annotations

import shutil
import tempfile
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
    """
    plan = make_plan(tree, request)
    if not request.is_dry:
        _check_branch(tree)
    with worktree(tree) as copy, tempfile.TemporaryDirectory(prefix="dist-") as folder:
        package = distributions(copy)[plan.package.name]
        set_version(package, plan.version)
        moved = tuple(move_ranges(package, plan.version))
        write_changelog(
            package, plan.version, has_fragments=plan.has_fragments, is_first=plan.is_first
        )
        message = f"{package.title} {plan.version}"
        name = commit(copy, message, needs_author=not request.is_dry)
        built = build_twice(package, Path(folder))
        check_built(package, built)
        files = git(copy, "show", "--stat=100", "--format=", name)
        release = Release(plan, section(package), files, _sizes(built), moved)
        if not request.is_dry:
            _keep(tree, release, name, built)
    return release


def _check_branch(tree: Path) -> None:
    if git(tree, "branch", "--show-current") == "":
        raise ReleaseError("a release needs a branch (got a detached HEAD); git switch one")
    git(tree, "var", "GIT_COMMITTER_IDENT")  # Fails with git's own words where nobody is named.


def _sizes(built: list[Path]) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in built}


def _keep(tree: Path, release: Release, name: str, built: list[Path]) -> None:
    """Take a commit over: the branch, then the tag; without the tag, neither."""
    before = git(tree, "rev-parse", "HEAD")
    git(tree, "merge", "--quiet", "--ff-only", name)
    message = f"{release.plan.package.title} {release.plan.version}\n\n{release.section}"
    try:
        git(tree, "tag", "--annotate", "--cleanup=verbatim", "-m", message, release.plan.tag, name)
    except ReleaseError:
        git(tree, "reset", "--quiet", "--keep", before)
        raise
    dist = tree / "dist"
    dist.mkdir(exist_ok=True)
    for path in built:
        shutil.copy2(path, dist / path.name)
