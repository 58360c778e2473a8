"""What a release asks of git."""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from maintenance.release.errors import ReleaseError

# A dry run needs no identity of its own.
_NOBODY = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid")


def git(tree: Path, *arguments: str) -> str:
    """Run git in a checkout and return what it wrote, without the last line break.

    Raises:
        ReleaseError: If git fails; with its last line.
    """
    return _run(tree, *arguments).decode().rstrip("\n")


def _run(tree: Path, *arguments: str) -> bytes:
    done = subprocess.run(("git", *arguments), cwd=tree, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ReleaseError(f"git {arguments[0]} failed: {said[-1]}")
    return done.stdout


def has_tag(tree: Path, tag: str) -> bool:
    """Whether the repository has a tag, merged here or not."""
    return bool(git(tree, "tag", "--list", tag))


def changed_files(tree: Path) -> list[str]:
    """Name the files that differ from the last commit, new ones too."""
    return [line[3:] for line in git(tree, "status", "--porcelain").splitlines()]


@contextlib.contextmanager
def worktree(tree: Path) -> Iterator[Path]:
    """Check the last commit out into a temporary folder; whatever happens there is undone."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        copy = Path(folder) / "tree"
        git(tree, "worktree", "add", "--quiet", "--detach", str(copy), "HEAD")
        try:
            yield copy
        finally:
            git(tree, "worktree", "remove", "--force", str(copy))


def commit(tree: Path, message: str, *, needs_author: bool) -> str:
    """Commit everything that changed; return the commit's name.

    Args:
        tree: The checkout.
        message: The commit's message.
        needs_author: Whether the commit is to last: then git must know who makes it.
    """
    git(tree, "add", "--all")
    who = () if needs_author else _NOBODY
    git(tree, *who, "commit", "--quiet", "--message", message)
    return git(tree, "rev-parse", "HEAD")


def export(tree: Path, path: str, folder: Path) -> Path:
    """Write the last commit's version of a folder into another place.

    What git ignores comes along: hatchling looks for it, and puts it into the sdist.
    """
    ignored = [".gitignore"] if (tree / ".gitignore").is_file() else []
    archive = _run(tree, "archive", "--format=tar", "HEAD", path, *ignored)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder / path
