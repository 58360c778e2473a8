"""`evaluate`: the accuracy of a packed network over a directory of photos, one folder a class.

Photos stream through in batches: memory does not grow with their number.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from attrs import frozen

from bnas.zoo.errors import ZooError, listed
from bnas.zoo.images import PHOTO_SUFFIXES, photos_in, prepare_batch
from bnas.zoo.network import PackedNetwork


class EvaluationError(ZooError, ValueError):
    """A directory that no accuracy can be measured on; may have `directory` and `unknown`."""


@frozen
class Evaluation:
    """Accuracy over a number of photos.

    Attributes:
        top1: Photos whose class has the largest logit, in percent.
        top5: Photos whose class is among the five largest, in percent; 100 for up to five classes.
        images: Number of photos.
        seconds: Time to read, prepare and classify them; not to compile kernels.
    """

    top1: float
    top5: float
    images: int
    seconds: float

    @property
    def images_per_s(self) -> float:
        """Photos a second, reading and preparing included."""
        return self.images / self.seconds if self.seconds else math.inf


#: Called after every batch with the result so far and the number of photos in all.
Progress = Callable[[Evaluation, int], None]


def evaluate(
    network: PackedNetwork,
    directory: str | os.PathLike[str],
    *,
    batch_size: int = 64,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a network on photos in torchvision's `ImageFolder` layout: ``CLASS/**/PHOTO.jpg``.

    A folder's name is matched with the card's class names. Where the network has none, the folders
    in the order of their names are classes 0, 1, ….

    Args:
        network: The network; its card says how photos are prepared.
        directory: Holds one folder a class; those whose name begins with a dot are passed over.
        batch_size: Photos at once.
        limit: At most so many photos, spread evenly over all of them; None for all.
        progress: Called after every batch.

    Raises:
        EvaluationError: No such directory, no photos in it or in one of its folders, folders that
            are not the network's classes; `batch_size` or `limit` below 1.
        ImageError: A photo that cannot be read; it is named.
    """
    _check_at_least_one("batch_size", batch_size)
    photos = labelled_photos(network, directory)
    if limit is not None:
        _check_at_least_one("limit", limit)
        photos = _spread(photos, limit)
    # Kernels are compiled or loaded before the clock starts.
    network(prepare_batch([photos[0][0]], network.preprocessing))
    begun = time.perf_counter()
    first = among_five = 0
    result = Evaluation(0.0, 0.0, 0, 0.0)
    for start in range(0, len(photos), batch_size):
        batch = photos[start : start + batch_size]
        logits = network(prepare_batch((path for path, _ in batch), network.preprocessing))
        ranks = _ranks(logits, np.array([label for _, label in batch]))
        first += int((ranks < 1).sum())
        among_five += int((ranks < 5).sum())
        done = start + len(batch)
        seconds = time.perf_counter() - begun
        result = Evaluation(100 * first / done, 100 * among_five / done, done, seconds)
        if progress is not None:
            progress(result, len(photos))
    return result


def labelled_photos(
    network: PackedNetwork, directory: str | os.PathLike[str]
) -> list[tuple[Path, int]]:
    """Return every photo of `directory` with the index of its class, ordered by class and path.

    Raises:
        EvaluationError: See `evaluate`.
    """
    root = Path(directory)
    if not root.is_dir():
        what = "is a file, not a directory" if root.exists() else "does not exist"
        raise EvaluationError(
            f"the directory of photos {str(root)!r} {what}; it must hold one folder of photos a "
            "class",
            directory=root,
        )
    folders = sorted(
        (each for each in root.iterdir() if each.is_dir() and not each.name.startswith(".")),
        key=lambda folder: folder.name,
    )
    if not folders:
        raise EvaluationError(
            f"{str(root)!r} must hold one folder of photos a class (got no folder)", directory=root
        )
    indices = _class_indices(network, folders, root)
    return [
        (path, index)
        for folder, index in zip(folders, indices, strict=True)
        for path in _photos_in(folder)
    ]


def _class_indices(network: PackedNetwork, folders: list[Path], root: Path) -> list[int]:
    names = network.card.class_names if network.card is not None else ()
    if not names:
        if len(folders) != network.spec.num_classes:
            raise EvaluationError(
                f"{str(root)!r} must hold one folder for each of the network's "
                f"{network.spec.num_classes} classes, which have no names (got {len(folders)})",
                directory=root,
            )
        return list(range(len(folders)))
    known = {name: index for index, name in enumerate(names)}
    unknown = [folder.name for folder in folders if folder.name not in known]
    if unknown:
        raise EvaluationError(
            f"{str(root)!r} has folders that are no classes of the network: "
            f"{listed(map(repr, unknown), 10)}; "
            f"allowed: {listed(map(repr, names), 10)}",
            directory=root,
            unknown=tuple(unknown),
        )
    return [known[folder.name] for folder in folders]


def _photos_in(folder: Path) -> Iterator[Path]:
    found = photos_in(folder)
    if not found:
        raise EvaluationError(
            f"{str(folder)!r} holds no photos (files that end in {', '.join(PHOTO_SUFFIXES)})",
            directory=folder,
        )
    yield from found


def _spread(photos: list[tuple[Path, int]], limit: int) -> list[tuple[Path, int]]:
    """Choose evenly: the first ones would all be of one class."""
    count = min(limit, len(photos))
    return [photos[index * len(photos) // count] for index in range(count)]


def _ranks(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how many classes come before the right one, int (N,); of equals the first counts."""
    right = logits[np.arange(len(labels)), labels][:, None]
    before = (logits == right) & (np.arange(logits.shape[1]) < labels[:, None])
    ranks: np.ndarray = np.count_nonzero((logits > right) | before, axis=1)
    return ranks


def _check_at_least_one(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise EvaluationError(f"`{name}` must be an integer >= 1 (got {value!r})")
