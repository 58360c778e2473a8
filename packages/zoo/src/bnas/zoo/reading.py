"""`read_ahead`: photos from the disk in batches, while others are classified."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bnas.binops.threads import processors
from bnas.zoo.errors import ImageError
from bnas.zoo.images import prepare
from bnas.zoo.preprocessing import Preprocessing

#: Batches that are read ahead of the one that is classified.
_AHEAD = 2


def read_ahead(
    photos: Sequence[Path],
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    readers: int | None = None,
) -> Iterator[list[np.ndarray | ImageError]]:
    """Yield one batch after the other, in the order of the photos; some are read ahead.

    Args:
        photos: The files.
        preprocessing: How they are prepared.
        batch_size: Photos of a batch; the last may have fewer.
        readers: Threads that read; None for as many as there are processors.

    Yields:
        Of each photo a float32 array (3, H, W), or why it cannot be read.
    """
    batches = [photos[start : start + batch_size] for start in range(0, len(photos), batch_size)]
    with ThreadPoolExecutor(readers or processors()) as pool:

        def begin(count: int) -> None:
            for batch in itertools.islice(coming, count):
                reading.append([pool.submit(_read, path, preprocessing) for path in batch])

        coming = iter(batches)
        reading: deque[list[Future[np.ndarray | ImageError]]] = deque()
        try:
            begin(_AHEAD)
            while reading:
                found = [each.result() for each in reading.popleft()]
                begin(1)
                yield found
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _read(path: Path, preprocessing: Preprocessing) -> np.ndarray | ImageError:
    try:
        return prepare(path, preprocessing)
    except ImageError as error:
        return error
