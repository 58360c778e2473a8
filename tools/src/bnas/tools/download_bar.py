"""The progress bar of a download of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bnas.tools.tables import progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress


class DownloadBar:
    """What `bnas.zoo.load` reports a download to; nothing is shown, or loaded, before it does.

    Attributes:
        total: Bytes to come.
    """

    def __init__(self) -> None:
        self.total = 0
        self._bar: Progress | None = None

    def update(self, count: int) -> None:
        """Note that `count` more bytes have come."""
        if self._bar is None:
            self._bar = progress_bar("bytes")
            self._bar.add_task("fetching weights", total=self.total)
            self._bar.start()
        self._bar.advance(self._bar.task_ids[0], count)

    def close(self) -> None:
        """Hide the bar."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def download_bar() -> Iterator[DownloadBar]:
    """Show a bar on stderr while weights are fetched; yields what `bnas.zoo.load` reports to."""
    bar = DownloadBar()
    try:
        yield bar
    finally:
        bar.close()
