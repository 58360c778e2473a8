"""Which sources a result belongs to."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

#: Where there is no Git: it names no sources, and no two of them are the same ones.
UNKNOWN = "unknown"


def state_of(root: Path) -> str:
    """Name the state of the sources: the commit, and a digest of what is changed on top of it.

    Args:
        root: The root of the repository.

    Returns:
        Such as ``1a2b3c4`` or ``1a2b3c4+9f8e7d6``; `UNKNOWN` where there is no Git.
    """

    def git(*arguments: str) -> bytes:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout

    try:
        commit = git("rev-parse", "--short", "HEAD").decode().strip()
        changes = git("diff", "HEAD")
        added = git("ls-files", "--others", "--exclude-standard", "-z").decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    digest = hashlib.sha256(changes)
    for name in filter(None, added):
        digest.update(name.encode() + (root / name).read_bytes())
    return f"{commit}+{digest.hexdigest()[:7]}" if changes or any(added) else commit
