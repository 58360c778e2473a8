"""The directory of a reproduction: made, and found writable, before the hours of work."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bnas.tools.reproduce.errors import DestinationError


def make_destination(path: str | os.PathLike[str]) -> Path:
    """Make a directory, and its parents, unless it is there; try to write into it.

    Args:
        path: The directory.

    Raises:
        DestinationError: It is a file, cannot be made, or nothing can be written into it.
    """
    found = Path(path)
    if found.exists() and not found.is_dir():
        raise DestinationError(f"`out_dir` must be a directory (got the file {str(found)!r})")
    try:
        found.mkdir(parents=True, exist_ok=True)
        # Permissions alone do not tell: the system may be full, read-only or the user's root.
        with tempfile.TemporaryFile(dir=found) as file:
            file.write(b"\0")
    except OSError as error:
        raise DestinationError(
            f"`out_dir` must be a directory that can be written (got {str(found)!r}: "
            f"{error.strerror or error})"
        ) from error
    return found
