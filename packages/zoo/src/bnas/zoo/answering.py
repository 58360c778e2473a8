"""`classify_photos`: many photos to a file of answers, which an interrupted run goes on with."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from bnas.zoo.answer_files import Answer, answer_file
from bnas.zoo.errors import ImageError, SaveError
from bnas.zoo.images import photos_in, prepare
from bnas.zoo.network import PackedNetwork, check_top

#: Batches that are read ahead of the one that is classified.
_AHEAD = 2


@frozen
class Answered:
    """How far a run is.

    Attributes:
        photos: That had no answer when it began.
        before: That had one.
        done: Of `photos`, those that have one now.
        failed: Of `done`, those that cannot be read.
        seconds: Since the first was read.
    """

    photos: int
    before: int
    done: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def images_per_s(self) -> float:
        """Photos a second, reading and writing included."""
        return self.done / self.seconds if self.seconds else 0.0


def classify_photos(
    network: PackedNetwork,
    photos: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    model: str,
    top: int = 5,
    batch_size: int = 64,
    readers: int | None = None,
    progress: Callable[[Answered], None] | None = None,
) -> Answered:
    """Classify photos and write the answers as they come; those that have one already are left.

    Args:
        network: The network.
        photos: Photos, and directories of which all photos below are taken.
        out: ``NAME.jsonl``, or ``NAME.parquet`` for a directory of Parquet files; see
            `bnas.zoo.answer_files`.
        model: Name and tag of the network, which the answers bear.
        top: Classes to tell of each.
        batch_size: Photos that are classified together; memory grows with it, and with nothing
            else but the names of the photos.
        readers: Threads that read photos; None for as many as there are processors.
        progress: Called after every batch.

    Returns:
        How many were classified, and how many could not be read: their answers say why.

    Raises:
        AnswersError: `out` holds answers of another model or something else, or another process
            writes to it.
        ImagesError: `top` is below 1.
        MissingExtraError: Parquet is wanted without pyarrow.
        SaveError: An answer cannot be written; those before it are whole.
    """
    check_top(top)
    file = answer_file(out, model)
    names = {_name_of(path): path for path in _listed(photos)}
    try:
        with file:
            before = file.answered()
            waiting = {name: path for name, path in names.items() if name not in before}
            result = Answered(len(waiting), len(names) - len(waiting))
            begun = time.perf_counter()
            for answers in _answers(network, waiting, model, (top, batch_size, readers)):
                file.write(answers)
                result = Answered(
                    result.photos,
                    result.before,
                    result.done + len(answers),
                    result.failed + sum(each.error is not None for each in answers),
                    time.perf_counter() - begun,
                )
                if progress is not None:
                    progress(result)
    except OSError as error:
        if isinstance(error, SaveError):
            raise
        raise SaveError(
            f"cannot write to {str(out)!r} ({error.strerror or error}); the answers before are "
            "whole",
            path=Path(out),
        ) from error
    return result


def _listed(photos: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    for each in photos:
        path = Path(each)
        yield from photos_in(path) if path.is_dir() else (path,)


def _name_of(path: Path) -> str:
    """Return a path as text that any file can hold."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _answers(
    network: PackedNetwork,
    photos: Mapping[str, Path],
    model: str,
    sizes: tuple[int, int, int | None],
) -> Iterator[list[Answer]]:
    """Yield the answers of one batch after the other; the next ones are being read meanwhile."""
    top, batch_size, readers = sizes
    names = list(photos)
    batches = [names[start : start + batch_size] for start in range(0, len(names), batch_size)]
    coming = iter(batches)
    with ThreadPoolExecutor(readers or os.cpu_count()) as pool:

        def begin(batch: Sequence[str]) -> list[Future[Any]]:
            return [pool.submit(_read, network, photos[name]) for name in batch]

        reading = deque(begin(batch) for batch in itertools.islice(coming, _AHEAD))
        try:
            for batch in batches:
                found = [future.result() for future in reading.popleft()]
                reading.extend(begin(following) for following in itertools.islice(coming, 1))
                yield _judge(network, batch, found, model, top)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _read(network: PackedNetwork, path: Path) -> np.ndarray | ImageError:
    try:
        return prepare(path, network.preprocessing)
    except ImageError as error:
        return error


def _judge(
    network: PackedNetwork,
    names: Sequence[str],
    found: Sequence[np.ndarray | ImageError],
    model: str,
    top: int,
) -> list[Answer]:
    images = [each for each in found if not isinstance(each, ImageError)]
    ranked = iter(network.rank(network(np.stack(images)), top) if images else ())
    return [
        Answer(name, model, (), " ".join(str(each).split()))
        if isinstance(each, ImageError)
        else Answer(name, model, next(ranked))
        for name, each in zip(names, found, strict=True)
    ]
