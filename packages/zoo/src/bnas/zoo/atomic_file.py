"""Writing a file whole or not at all, with an error of this package if it fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnas.cells.atomic_file import draft_of
from bnas.zoo.errors import SaveError


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        SaveError: No room, no such directory, not allowed; what was there before is intact.
    """
    try:
        with draft_of(Path(path)) as file:
            file.write(content)
    except OSError as error:
        raise SaveError(
            f"cannot write {str(path)!r} ({error.strerror or error}); nothing was changed",
            path=Path(path),
        ) from error


@contextmanager
def put_back_on_failure(path: Path) -> Iterator[None]:
    """Undo what the block writes to a file if the block fails, Ctrl-C included.

    Raises:
        SaveError: What was there before cannot be written again.
    """
    before = path.read_bytes() if path.is_file() else None
    try:
        yield
    except BaseException:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, before)
        raise
