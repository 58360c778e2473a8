"""`classify_photos`: many photos to a file of answers, which an interrupted run goes on with."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import numpy as np
from attrs import frozen

from bnas.zoo.answer_file import Answer, AnswerFile
from bnas.zoo.errors import AnswersError, ImageError, ImagesError
from bnas.zoo.images import photos_in, prepare
from bnas.zoo.json_lines import JsonLines
from bnas.zoo.network import PackedNetwork, check_top
from bnas.zoo.parquet_parts import ParquetParts

#: Batches that are read ahead of the one that is classified.
_AHEAD = 2
_KINDS: dict[str, type[AnswerFile]] = {".jsonl": JsonLines, ".parquet": ParquetParts}


@frozen
class Answered:
    """How far a run is.

    Attributes:
        photos: That had no answer when it began.
        before: That had one.
        done: Of `photos`, those that have been looked at.
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


@frozen(kw_only=True)
class AnsweringOptions:
    """How photos are classified.

    Attributes:
        top: Classes to tell of each.
        batch_size: Photos that are classified together; memory grows with it, and with nothing else
            but the names of the photos.
        readers: Threads that read photos; None for as many as there are processors.

    Raises:
        ImagesError: A number below 1.
    """

    top: int = 5
    batch_size: int = 64
    readers: int | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be."""
        check_top(self.top)
        for name in ("batch_size", "readers"):
            number = getattr(self, name)
            if number is not None and (type(number) is not int or number < 1):
                raise ImagesError(f"`{name}` must be an integer of at least 1 (got {number!r})")


def answer_file(path: str | os.PathLike[str], model: str) -> AnswerFile:
    """Return the file of answers that a name stands for.

    Args:
        path: Ends in ``.jsonl``, or in ``.parquet`` for a directory of Parquet files.
        model: The network.

    Raises:
        AnswersError: It ends otherwise, or is something else.
        MissingExtraError: Parquet is wanted without pyarrow.
    """
    path = Path(path)
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise AnswersError(
            f"answers go to a name that ends in {' or '.join(_KINDS)} (got {str(path)!r})",
            path=path,
        )
    fits = path.is_dir() if kind is ParquetParts else path.is_file()
    if path.exists() and not fits:
        wanted = "a directory" if kind is ParquetParts else "a file"
        raise AnswersError(f"{str(path)!r} is not {wanted}: name another place", path=path)
    return kind(path, model)


def classify_photos(
    network: PackedNetwork,
    photos: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    model: str,
    options: AnsweringOptions | None = None,
    progress: Callable[[Answered], None] | None = None,
    failed: Callable[[ImageError], None] | None = None,
) -> Answered:
    """Classify photos and write the answers as they come; those that have one already are left.

    A photo is known by its name as it is given: the same one by another path is answered again. One
    that cannot be read gets no answer, and is tried again by the next run.

    Args:
        network: The network.
        photos: Photos, and directories of which all photos below are taken (`photos_in`).
        out: ``NAME.jsonl``, or ``NAME.parquet`` for a directory of Parquet files.
        model: What the answers call the network; a file of another one is refused.
        options: Classes to tell, sizes.
        progress: Called after every batch.
        failed: Called for every photo that cannot be read.

    Returns:
        How many were looked at, and how many could not be read.

    Raises:
        AnswersError: `out` holds answers of another model or something else, or another process
            writes to it.
        ImageError: A directory of photos that cannot be listed.
        ImagesError: `photos` is a single path.
        MissingExtraError: Parquet is wanted without pyarrow.
        SaveError: An answer cannot be written; those before it are whole.
    """
    options = options or AnsweringOptions()
    if isinstance(photos, str | os.PathLike):
        raise ImagesError(f"`photos` must be a list of paths (got {photos!r})")
    names = {_name_of(path): path for path in _listed(photos)}
    file = answer_file(out, model)
    with file:
        waiting = {name: path for name, path in names.items() if name not in file.photos}
        result = Answered(len(waiting), len(names) - len(waiting))
        begun = time.perf_counter()
        for looked_at, found in _read_batches(network, waiting, options):
            images = {name: each for name, each in found.items() if isinstance(each, np.ndarray)}
            file.add(_answers(network, images, model, options.top))
            for each in found.values():
                if isinstance(each, ImageError) and failed is not None:
                    failed(each)
            result = attrs.evolve(
                result,
                done=looked_at,
                failed=result.failed + len(found) - len(images),
                seconds=time.perf_counter() - begun,
            )
            if progress is not None:
                progress(result)
    return result


def _listed(photos: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    for each in photos:
        path = Path(each)
        yield from photos_in(path) if path.is_dir() else (path,)


def _name_of(path: Path) -> str:
    """Return a path as text that any file can hold."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _read_batches(
    network: PackedNetwork, photos: Mapping[str, Path], options: AnsweringOptions
) -> Iterator[tuple[int, dict[str, np.ndarray | ImageError]]]:
    """Yield one batch after the other, by name, and how many there have been; some are read ahead.

    Images are float32 (3, H, W).
    """
    names, size = list(photos), options.batch_size
    batches = [names[start : start + size] for start in range(0, len(names), size)]
    done = 0
    with ThreadPoolExecutor(options.readers or os.cpu_count()) as pool:

        def begin(count: int) -> None:
            for batch in itertools.islice(coming, count):
                futures = [pool.submit(_read, network, photos[name]) for name in batch]
                reading.append((batch, futures))

        coming, reading = iter(batches), deque()
        try:
            begin(_AHEAD)
            while reading:
                batch, futures = reading.popleft()
                found = {name: each.result() for name, each in zip(batch, futures, strict=True)}
                begin(1)
                done += len(batch)
                yield done, found
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _read(network: PackedNetwork, path: Path) -> np.ndarray | ImageError:
    try:
        return prepare(path, network.preprocessing)
    except ImageError as error:
        return error


def _answers(
    network: PackedNetwork, images: Mapping[str, np.ndarray], model: str, top: int
) -> Sequence[Answer]:
    if not images:
        return ()
    ranked = network.rank(network(np.stack(list(images.values()))), top)
    return [Answer(name, model, found) for name, found in zip(images, ranked, strict=True)]
