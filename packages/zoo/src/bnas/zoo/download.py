"""Fetching a weights file over HTTP: whole and right, or not at all."""

from __future__ import annotations

import hashlib
import textwrap
from pathlib import Path
from typing import BinaryIO, Protocol

from bnas.cells.atomic_file import draft_of
from bnas.zoo.cards import Card
from bnas.zoo.errors import CacheError, ChecksumError, ZooError

#: Seconds without a byte after which a server is given up.
TIMEOUT_S = 30
#: A server that sends this much more than the file has is cut off; until then its bytes are hashed,
#: so that the error can say what came.
LIMIT_EXCESS_BYTES = 1 << 20


class Progress(Protocol):
    """What shows a download's progress, such as ``tqdm(unit="B", unit_scale=True)``.

    Attributes:
        total: Bytes to come; set before the first of them.
    """

    total: int

    def update(self, count: int) -> object:
        """Note that `count` more bytes have come."""

    def close(self) -> object:
        """End the display."""


class UnreachableError(Exception):
    """A URL gave no file; not an OSError, which would be one of the cache folder."""


def fetch(url: str, target: Path, card: Card, *, progress: Progress | None = None) -> Path:
    """Fetch a weights file to `target`: whole and right, or not at all.

    Args:
        url: Where it is, http or https.
        target: The path that it gets; missing folders are made.
        card: States its SHA-256 and size.
        progress: Shows the download; nothing is shown by default.

    Returns:
        `target`.

    Raises:
        UnreachableError: No connection, no such file, a broken transfer.
        ChecksumError: What came is not the file meant; nothing is kept.
        CacheError: `target` cannot be written.
    """
    expected, size = card.sha256, card.size_bytes or 0
    if progress is not None:
        progress.total = size
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(target) as file:
            sink = _HashingSink(file, size + LIMIT_EXCESS_BYTES, progress)
            _download(url, sink)
            actual = sink.digest.hexdigest()
            if actual != expected:
                raise ChecksumError(
                    f"{url} sent another file than the one meant: {sink.size_bytes} bytes with "
                    f"SHA-256 {actual}, expected {size} bytes with {expected}; nothing was kept",
                    path=url,
                    expected=expected,
                    actual=actual,
                )
    except ZooError:
        raise
    except OSError as error:
        raise unusable(target.parent, error) from error
    finally:
        if progress is not None:
            progress.close()
    return target


class _HashingSink:
    """Passes on what a server sends to a file, hashed and counted.

    Attributes:
        size_bytes: Bytes so far.
        digest: SHA-256 of them.
    """

    def __init__(self, file: BinaryIO, limit_bytes: int, progress: Progress | None) -> None:
        self.size_bytes = 0
        self.digest = hashlib.sha256()
        self._file = file
        self._limit_bytes = limit_bytes
        self._progress = progress

    def write(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        self.digest.update(chunk)
        if self.size_bytes > self._limit_bytes:
            raise UnreachableError(f"sends more than {self._limit_bytes} bytes")
        try:
            self._file.write(chunk)
        except OSError as error:
            raise unusable(Path(self._file.name).parent, error) from error
        if self._progress is not None:
            self._progress.update(len(chunk))

    def flush(self) -> None:
        """Leave flushing to the end, where the file is complete."""


def _download(url: str, sink: _HashingSink) -> None:
    import pooch  # here: most loads need no network, and its import takes longer than they do

    # Progress is the sink's matter: pooch asks for the truth of a bar, which tqdm's has not.
    downloader = pooch.HTTPDownloader(chunk_size=1 << 16, timeout=TIMEOUT_S)
    try:
        downloader(url, sink, None)
    except ZooError:
        raise
    except (OSError, ValueError) as error:  # every error of requests is one of the two
        reason = textwrap.shorten(str(error), 300) or type(error).__name__
        raise UnreachableError(reason) from error


def unusable(folder: Path, error: OSError) -> CacheError:
    """Return the error for a cache folder that the system does not let be written to."""
    return CacheError(
        f"the cache folder {str(folder)!r} cannot be written to ({error.strerror or error}); "
        "set BNAS_HOME to one that can",
        path=folder,
    )
