"""`evaluate`: the accuracy of a packed network over a directory of photos, one folder a class.

Photos stream through in batches: memory does not grow with their number, but for their names. To
evaluate is to predict with the labels known: the answers can be kept, in the files that
`classify_photos` writes, and then a run goes on where another was stopped.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from attrs import field, frozen

from bnas.zoo.answer_file import Answer, AnswerFile, photo_name
from bnas.zoo.engines import Engine
from bnas.zoo.errors import EvaluationError, ImageError
from bnas.zoo.image_folder import labelled_photos
from bnas.zoo.images import prepare_batch
from bnas.zoo.network import PackedNetwork, likeliest
from bnas.zoo.reading import read_ahead
from bnas.zoo.shared_answers import SharedAnswers
from bnas.zoo.tally import LEADING, Tally


@frozen
class Evaluation:
    """Accuracy over a number of photos.

    Attributes:
        top1: Photos whose class has the largest logit, in percent.
        top5: Photos whose class is among the five largest, in percent; 100 for up to five classes.
        images: Number of photos.
        seconds: Time to read, prepare and classify them; not to compile kernels.
        before: Of `images`, those that an earlier run had answered.
        tally: All counts, by class; they go on in what `Progress` is told.
    """

    top1: float
    top5: float
    images: int
    seconds: float
    before: int = 0
    tally: Tally = field(factory=Tally, repr=False)

    @property
    def images_per_s(self) -> float:
        """Photos a second, reading and preparing included."""
        return (self.images - self.before) / self.seconds if self.seconds else math.inf


#: Called after every batch with the result so far and the number of photos in all.
Progress = Callable[[Evaluation, int], None]


def evaluate(
    network: PackedNetwork,
    directory: str | os.PathLike[str],
    *,
    batch_size: int = 64,
    limit: int | None = None,
    engine: Engine | None = None,
    answers: SharedAnswers | None = None,
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
        engine: What computes the logits, such as `torch_engine(network)`; None for the network.
        answers: Where the answers are kept, and what share of them this process gives; None to keep
            none. Photos that have an answer there are not read again; known by their names, as
            `classify_photos` knows them.
        progress: Called after every batch.

    Returns:
        The accuracy over all photos. In a process that shares them and does not lead, over those
        that had answers and its own.

    Raises:
        AnswersError: What is kept are answers of another model or to other photos, or fewer than
            five classes of each.
        EvaluationError: No such directory, no photos in it or in one of its folders, folders that
            are not the network's classes; `batch_size` or `limit` below 1.
        ImageError: A photo that cannot be read; it is named.
        SaveError: An answer cannot be written; those before it are whole.
    """
    _check_at_least_one("batch_size", batch_size)
    photos = labelled_photos(network, directory)
    if limit is not None:
        _check_at_least_one("limit", limit)
        photos = _spread(photos, limit)
    labels = {photo_name(path): label for path, label in photos}
    run = _Run(network, engine or network, labels, answers, batch_size, progress)
    return run.over({photo_name(path): path for path, _ in photos})


@frozen
class _Run:
    """One evaluation; attributes as of `evaluate`, `labels` by the photos' names."""

    network: PackedNetwork
    engine: Engine
    labels: Mapping[str, int]
    answers: SharedAnswers | None
    batch_size: int
    progress: Progress | None

    def over(self, photos: Mapping[str, Path]) -> Evaluation:
        """Evaluate photos, by their names."""
        kept, names = self.answers, list(photos)
        if kept is None:
            return self._classify(photos, None, {})
        file = kept.own_file()
        known = kept.known()
        kept.check(names, self.network.spec.num_classes, LEADING, known)
        waiting = [name for name in kept.share(names) if name not in known]
        with file if waiting else nullcontext(None) as own:
            result = self._classify({name: photos[name] for name in waiting}, own, known)
        if kept.leads and kept.processes > 1:
            began = time.perf_counter() - result.seconds

            def so_far(found: Mapping[str, Sequence[int]]) -> Evaluation:
                return self._result(self._tally(found), time.perf_counter() - began, len(known))

            found = kept.wait_for(names, lambda found: self._tell(so_far(found)))
            result = so_far(found)
        if kept.leads:
            kept.join()
        return result

    def _classify(
        self,
        photos: Mapping[str, Path],
        file: AnswerFile | None,
        known: Mapping[str, Sequence[int]],
    ) -> Evaluation:
        """Classify photos and count them, together with those whose answers are known."""
        tally = self._tally(known)
        if photos:
            # Kernels are compiled or loaded before the clock starts.
            first = next(iter(photos.values()))
            self.engine(prepare_batch([first], self.network.preprocessing))
        begun = time.perf_counter()
        result = self._result(tally, 0.0, len(known))
        for names, images in self._batches(photos):
            logits = self.engine(images)
            for name, classes in zip(names, likeliest(logits, LEADING).tolist(), strict=True):
                tally.add(self.labels[name], classes)
            if file is not None:
                ranked = self.network.rank(logits, LEADING)
                told = zip(names, ranked, strict=True)
                file.add([Answer(name, file.model, top) for name, top in told])
            result = self._result(tally, time.perf_counter() - begun, len(known))
            self._tell(result)
        return result

    def _batches(self, photos: Mapping[str, Path]) -> Iterator[tuple[list[str], np.ndarray]]:
        """Yield names and images; the first photo that cannot be read is the end."""
        names, size = list(photos), self.batch_size
        batches = read_ahead(list(photos.values()), self.network.preprocessing, batch_size=size)
        for number, found in enumerate(batches):
            images = []
            for each in found:
                if isinstance(each, ImageError):
                    raise each
                images.append(each)
            yield names[number * size :][: len(found)], np.stack(images)

    def _tally(self, known: Mapping[str, Sequence[int]]) -> Tally:
        tally = Tally()
        for name, classes in known.items():
            tally.add(self.labels[name], classes)
        return tally

    def _result(self, tally: Tally, seconds: float, before: int) -> Evaluation:
        top1, top5 = tally.percent(tally.right), tally.percent(tally.among_five)
        return Evaluation(top1, top5, tally.images, seconds, before, tally)

    def _tell(self, result: Evaluation) -> None:
        if self.progress is not None:
            self.progress(result, len(self.labels))


def _spread(photos: list[tuple[Path, int]], limit: int) -> list[tuple[Path, int]]:
    """Choose evenly: the first ones would all be of one class."""
    count = min(limit, len(photos))
    return [photos[index * len(photos) // count] for index in range(count)]


def _check_at_least_one(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise EvaluationError(f"`{name}` must be an integer >= 1 (got {value!r})")
