"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bnas.zoo.errors import SaveError


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[BinaryIO]:
    """Open a draft beside `path`; on leaving without an error it takes the place of `path`.

    A reader sees the old file or the new one, and so does the next start after a power failure.

    Raises:
        OSError: The draft cannot be written; what was there before is intact and the draft gone.
    """
    place = Path(os.path.realpath(path))  # through a link, to replace the file and not the link
    draft = place.with_name(f".bnas-{secrets.token_hex(8)}.part")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, place)
    finally:
        with contextlib.suppress(OSError):  # gone if all went well; else the first error counts
            draft.unlink()


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
