"""Writing a picture: the format by the suffix, the whole file or nothing."""

from __future__ import annotations

import os
from pathlib import Path

from bnas.cells.atomic_file import draft_of
from bnas.cells.draw.errors import DrawError, PictureWriteError

FORMATS = (".svg", ".png")


def format_of(path: str | os.PathLike[str]) -> str:
    """Return the suffix that names the format of a picture, in lower case.

    Args:
        path: Where the picture will be.

    Raises:
        DrawError: No picture can be written there: the format is unknown, there is no such folder,
            or there is a folder in its place.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise DrawError(
            f"`path` must end in one of {', '.join(FORMATS)} (got {os.fspath(path)!r})", path
        )
    if not target.parent.is_dir():
        raise DrawError(
            f"the folder of `path` must exist (got {os.fspath(path)!r}); make it first", path
        )
    if target.is_dir():
        raise DrawError(f"`path` must not be a folder (got {os.fspath(path)!r})", path)
    return suffix


def write_whole(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file so that at no moment a part of it is there, and return its path.

    Args:
        path: The file; what it held before is replaced.
        content: Its bytes.

    Raises:
        PictureWriteError: The file cannot be written; what was there before is intact.
    """
    target = Path(path)
    try:
        with draft_of(target) as file:
            file.write(content)
    except OSError as error:
        raise PictureWriteError(
            f"cannot write {os.fspath(path)!r} ({error.strerror or error}); nothing was changed",
            path=target,
        ) from error
    return target
