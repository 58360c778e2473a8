"""Writing a file whole or not at all; pictures, checkpoints and weights are all written so."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_DRAFT_PREFIX, _DRAFT_SUFFIX = ".bnas-", ".part"


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[BinaryIO]:
    """Open a draft beside `path`; on leaving without an error it takes the place of `path`.

    A reader sees the old file or the new one, and so does the next start after a power failure.

    Raises:
        OSError: The draft cannot be written; what was there before is intact and the draft gone.
    """
    place = Path(os.path.realpath(path))  # through a link, to replace the file and not the link
    draft = place.with_name(f"{_DRAFT_PREFIX}{secrets.token_hex(8)}{_DRAFT_SUFFIX}")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, place)
    finally:
        with contextlib.suppress(OSError):  # gone if all went well; else the first error counts
            draft.unlink()


def remove_drafts(directory: Path) -> None:
    """Remove the drafts that killed writers left in a directory to which nobody writes now."""
    for draft in directory.glob(f"{_DRAFT_PREFIX}*{_DRAFT_SUFFIX}"):
        draft.unlink(missing_ok=True)
