"""Training the networks of a reproduction, once for all targets that ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from attrs import frozen

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.errors import UnfinishedError
from bnas.tools.reproduce.subjects import SUBJECTS, Subject, recipe_fields, seeds_of
from bnas.tools.runs import tell_skipped

if TYPE_CHECKING:
    from bnas.search import EpochMetrics, ImageSet, TrainingData, Trial, TrialResult

#: Folder of the trainings in the output directory.
RUNS = "runs"
#: So many points above guessing are as good as guessing.
NEAR_GUESSING = 5.0
#: Of the choice of images; of no training.
_SUBSET_SEED = 0


@frozen
class Trained:
    """A network trained with every seed.

    Attributes:
        subject: The network.
        seeds: Of its trainings.
        results: One a seed.
    """

    subject: Subject
    seeds: tuple[int, ...]
    results: tuple[TrialResult, ...]

    @property
    def histories(self) -> tuple[tuple[EpochMetrics, ...], ...]:
        """The records of every seed's epochs."""
        return tuple(result.history for result in self.results)

    @property
    def test_top1(self) -> tuple[float | None, ...]:
        """Percent of the test images at the end; None for a training that diverged."""
        return tuple(result.holdout_top1 for result in self.results)

    @property
    def mean_top1(self) -> float | None:
        """Mean of `test_top1` over the trainings that finished; None if none did."""
        return fmean(self.finished_top1) if self.finished_top1 else None

    @property
    def finished_top1(self) -> list[float]:
        """`test_top1` of the trainings that finished."""
        return [value for value in self.test_top1 if value is not None]

    @property
    def is_near_guessing(self) -> bool:
        """Whether no training ends clearly above guessing."""
        return all(value <= self.guessing + NEAR_GUESSING for value in self.finished_top1)

    def is_above(self, other: Trained) -> bool:
        """Return whether every training ends above every one of another network.

        A training that diverged is below all that did not.
        """
        if len(self.finished_top1) < len(self.results):
            return False
        return min(self.finished_top1) > max(other.finished_top1, default=0.0)

    @property
    def guessing(self) -> float:
        """Percent right of who always says one class."""
        return 100 / self.subject.spec().num_classes

    @property
    def diverged(self) -> int:
        """Trainings that ended in numbers that are not finite, or in a loss that exploded."""
        return sum(result.outcome == "diverged" for result in self.results)


def trained(context: Context, keys: Sequence[str]) -> tuple[Trained, ...]:
    """Return networks trained with every seed of the scale; each is trained once a reproduction.

    Args:
        context: Of the reproduction.
        keys: Of `SUBJECTS`.

    Raises:
        UnfinishedError: The time limit came first; the same command goes on.
        SearchError: The images cannot be read, or a directory holds other trainings.
    """
    missing = [key for key in keys if not context.knows(("trained", key))]
    if missing:
        for found in _train(context, missing):
            context.keep(("trained", found.subject.key), found)
    return tuple(context.found(("trained", key)) for key in keys)


def images_of(context: Context) -> TrainingData:
    """Return the images to train on, and those to measure on in place of held-out ones.

    Curves of the test accuracy are what the supplement shows. Nothing is chosen by them.
    """
    return context.once("images", lambda: _read(context))


def describe_images(context: Context) -> str:
    """Return in words what is trained on and measured on."""
    data = images_of(context)
    where = "the sample of CIFAR-10's training images that comes with bnas-search"
    if context.data_dir is not None:
        where = f"`{context.data_dir.name}` (`--data`)"
    side = data.train.images.shape[-1]
    return (
        f"{len(data.train):,} training and {len(data.holdout):,} test images of {where}, "
        f"{side}x{side} pixels"
    )


def _train(context: Context, keys: Iterable[str]) -> list[Trained]:
    from bnas import search

    subjects = [SUBJECTS[key] for key in keys]
    trials = {
        subject.key: [_trial(context, subject, seed) for seed in seeds_of(context.scale, subject)]
        for subject in subjects
    }
    every = [trial for each in trials.values() for trial in each]
    count = 0

    def ended(result: TrialResult) -> None:
        nonlocal count
        count += 1
        context.tell(f"training {count} of {len(every)}: {result.name} {result.outcome}")

    context.tell(f"training {len(every)} networks")
    results = search.run_trials(
        every,
        images_of(context),
        context.path(RUNS),
        workers=context.workers,
        time_limit_s=context.time_left(),
        ended=ended,
    )
    by_name = {result.name: result for result in results}
    stopped = [result.name for result in results if result.outcome == "stopped"]
    if stopped:
        raise UnfinishedError(len(stopped), len(every), context.out_dir)
    return [
        Trained(
            subject,
            seeds_of(context.scale, subject),
            tuple(by_name[trial.name] for trial in trials[subject.key]),
        )
        for subject in subjects
    ]


def _trial(context: Context, subject: Subject, seed: int) -> Trial:
    from bnas import search

    scale = context.scale
    plain = search.load_recipe(scale.recipe)
    fields = {**plain.to_dict(), **recipe_fields(scale, subject, seed)}
    return search.Trial(
        f"{subject.key}-seed{seed}",
        subject.spec(scale),
        search.Recipe.from_dict(fields),
        search.RunOptions(device=context.device, gradient_log=True),
    )


def _read(context: Context) -> TrainingData:
    from bnas import search

    scale = context.scale
    context.tell("reading images")
    if context.data_dir is None:
        sample = search.unpack_sample(context.path(RUNS) / "sample")
        everything = search.load_training_data(sample, holdout=150)
        train, test = everything.train, everything.holdout
    else:
        skip = context.skip_corrupt
        train = search.read_images(context.data_dir / "train", skip_corrupt=skip)
        test = search.read_images(context.data_dir / "test", skip_corrupt=skip)
        tell_skipped((*train.skipped, *test.skipped))
    return search.TrainingData(
        train=_some(train, scale.train_images), holdout=_some(test, scale.test_images)
    )


def _some(images: ImageSet, count: int | None) -> ImageSet:
    from bnas import search

    if count is None or count >= len(images):
        return images
    return search.take_balanced(images, count, _SUBSET_SEED)
