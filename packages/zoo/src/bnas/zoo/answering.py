"""`classify_photos`: many photos to a file of answers, which an interrupted run goes on with."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from attrs import frozen

from bnas.zoo.answer_file import Answer, AnswerFile, photo_name
from bnas.zoo.errors import AnswersError, ImageError, ImagesError
from bnas.zoo.images import photos_in
from bnas.zoo.json_lines import JsonLines
from bnas.zoo.network import PackedNetwork, check_top
from bnas.zoo.parquet_parts import ParquetParts
from bnas.zoo.reading import read_ahead

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
        threads: Threads that classify a batch; None for Numba's number.

    Raises:
        ImagesError: A number below 1.
    """

    top: int = 5
    batch_size: int = 64
    readers: int | None = None
    threads: int | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be."""
        check_top(self.top)
        for name in ("batch_size", "readers", "threads"):
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


#: Takes names and files of photos; yields answers, or why there are none, as they come.
Classify = Callable[[Mapping[str, Path]], Iterator[Sequence[Answer | ImageError]]]


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
    return answer_photos(
        lambda waiting: classified(network, waiting, model, options),
        photos,
        out,
        model=model,
        progress=progress,
        failed=failed,
    )


def answer_photos(
    classify: Classify,
    photos: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    model: str,
    progress: Callable[[Answered], None] | None = None,
    failed: Callable[[ImageError], None] | None = None,
) -> Answered:
    """Do what `classify_photos` does, with answers from wherever they come.

    Args:
        classify: Gives the answers to the photos that have none yet, in any order.
        photos: As of `classify_photos`, like all the others.
        out: ``NAME.jsonl``, or ``NAME.parquet``.
        model: What the answers call the network.
        progress: Called whenever answers have come.
        failed: Called for every photo that cannot be read.
    """
    if isinstance(photos, str | os.PathLike):
        raise ImagesError(f"`photos` must be a list of paths (got {photos!r})")
    names = {photo_name(path): path for path in _listed(photos)}
    file = answer_file(out, model)
    with file:
        waiting = {name: path for name, path in names.items() if name not in file.photos}
        result = Answered(len(waiting), len(names) - len(waiting))
        begun = time.perf_counter()
        for found in classify(waiting):
            errors = [each for each in found if isinstance(each, ImageError)]
            file.add([each for each in found if isinstance(each, Answer)])
            if failed is not None:
                for error in errors:
                    failed(error)
            result = attrs.evolve(
                result,
                done=result.done + len(found),
                failed=result.failed + len(errors),
                seconds=time.perf_counter() - begun,
            )
            if progress is not None:
                progress(result)
    return result


def _listed(photos: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    for each in photos:
        path = Path(each)
        yield from photos_in(path) if path.is_dir() else (path,)


def classified(
    network: PackedNetwork, photos: Mapping[str, Path], model: str, options: AnsweringOptions
) -> Iterator[list[Answer | ImageError]]:
    """Yield of one batch after the other what a network says, or why a photo cannot be read.

    Args:
        network: The network.
        photos: Name of each in its answer -> the file.
        model: What the answers call the network.
        options: Classes to tell, sizes.
    """
    names = iter(photos)
    batches = read_ahead(
        list(photos.values()),
        network.preprocessing,
        batch_size=options.batch_size,
        readers=options.readers,
    )
    for found in batches:
        images = [each for each in found if isinstance(each, np.ndarray)]
        logits = network(np.stack(images), threads=options.threads) if images else np.empty((0, 1))
        ranked = iter(network.rank(logits, options.top))
        yield [
            each if isinstance(each, ImageError) else Answer(name, model, next(ranked))
            for name, each in zip(itertools.islice(names, len(found)), found, strict=True)
        ]
