"""What a release asks of git."""

from __future__ import annotations

import contextlib
import io
import shutil
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
    return _run(tree, *arguments).decode(errors="replace").rstrip("\n")


def _run(tree: Path, *arguments: str) -> bytes:
    done = subprocess.run(("git", *arguments), cwd=tree, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ReleaseError(f"git {_verb(arguments)} failed: {said[-1]}")
    return done.stdout


def _verb(arguments: tuple[str, ...]) -> str:
    """Name the command that is run; settings stand before it, each `-c` with its value."""
    return next(argument for argument in arguments[::2] if argument != "-c")


def has_tag(tree: Path, tag: str) -> bool:
    """Whether the repository has a tag, merged here or not."""
    return bool(git(tree, "tag", "--list", tag))


def changed_files(tree: Path) -> list[str]:
    """Name the files that differ from the last commit, new ones too."""
    # Between NULs git writes names as they are; else it writes an umlaut as octal digits.
    listed = git(tree, "status", "--porcelain", "--no-renames", "-z")
    return [entry[3:] for entry in listed.split("\0") if entry]


@contextlib.contextmanager
def worktree(tree: Path) -> Iterator[Path]:
    """Check the last commit out into a temporary folder; whatever happens there is undone."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        copy = Path(folder) / "tree"
        try:
            git(tree, "worktree", "add", "--quiet", "--detach", str(copy), "HEAD")
            yield copy
        finally:
            _forget(tree, copy)


def _forget(tree: Path, copy: Path) -> None:
    """Remove a worktree and its registration, one that is half made too: such a one is locked."""
    try:
        git(tree, "worktree", "remove", "--force", "--force", str(copy))
    except ReleaseError:
        with contextlib.suppress(ReleaseError):
            git(tree, "worktree", "unlock", str(copy))
        shutil.rmtree(copy, ignore_errors=True)
        git(tree, "worktree", "prune")


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
