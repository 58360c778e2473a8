"""Figure 4: do networks without inter-cell skips collapse?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from attrs import frozen

from bnas.tools.reproduce.checks import Check, told, verdict_of
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.section import Picture, Section, Table
from bnas.tools.reproduce.trainings import NEAR_GUESSING, Trained, trained
from bnas.tools.reproduce.words import outcome_of, reduced_words

if TYPE_CHECKING:
    from bnas.search import TrialResult

WITH, WITHOUT = "A", ("A-no-skip", "B-no-skip", "C-no-skip")
#: A training that ends with less than this share of its best training accuracy has collapsed.
COLLAPSED_SHARE = 0.5
_PICTURE = "fig4.png"
_CLAIM = (
    "Section 3.1, Figure 4: without the inter-cell skip connections the training and the test "
    "accuracy of BNAS-A, -B and -C collapse when they are trained for 600 epochs, and the test "
    "accuracy fluctuates more than the training accuracy; where the full model finds a reasonable "
    "optimum, they find poor ones."
)


@frozen
class Course:
    """What a training's accuracy did.

    Attributes:
        best_train: Percent of the training batches in the best epoch.
        final_train: The same in the last epoch.
        best_test: Percent of the test images after the best epoch.
        final_test: The same after the last epoch.
        train_jump: Mean change of the training accuracy from an epoch to the next, in points.
        test_jump: The same of the test accuracy.
        learned: Whether any epoch was clearly better than guessing.
        is_low: Whether it ended near guessing, far below its best, or in no number at all.
    """

    best_train: float
    final_train: float
    best_test: float
    final_test: float
    train_jump: float
    test_jump: float
    learned: bool
    is_low: bool

    @property
    def collapsed(self) -> bool:
        """Whether it ended low after it had learned something."""
        return self.learned and self.is_low


def course_of(result: TrialResult, guessing: float) -> Course | None:
    """Return what the accuracy of a training did; None if it has no epoch.

    Args:
        result: Of the training.
        guessing: Percent right of who always says one class.
    """
    if not result.history:
        return None
    train = [record.train_top1 for record in result.history]
    test = [record.holdout_top1 for record in result.history]
    near = guessing + NEAR_GUESSING
    is_low = train[-1] < COLLAPSED_SHARE * max(train) or max(train[-1], test[-1]) <= near
    return Course(
        best_train=max(train),
        final_train=train[-1],
        best_test=max(test),
        final_test=test[-1],
        train_jump=_jump(train),
        test_jump=_jump(test),
        learned=max(*train, *test) > near,
        is_low=is_low or result.outcome == "diverged",
    )


def fig4(context: Context) -> Section:
    """Train BNAS-A with skips, and A, B and C without, and draw how their accuracy goes."""
    networks = trained(context, (WITH, *WITHOUT))
    checks = judge(networks[0], networks[1:])
    ends = " ".join(f"{each.subject.title} {outcome_of(each)}." for each in networks)
    picture = _draw(context, networks)
    return Section(
        target="fig4",
        title="Figure 4: learning curves without skips",
        claim=_CLAIM,
        verdict=verdict_of(checks),
        finding=f"{told(checks)} {ends} {_LOW} {reduced_words(context)}".strip(),
        parts=(*([picture] if picture else []), courses_table(networks), curves_table(networks)),
    )


_LOW = (
    f"Low is: within {NEAR_GUESSING:g} points of guessing, below half of its own best training "
    "accuracy, or diverged."
)


def judge(base: Trained, ablated: Sequence[Trained]) -> list[Check]:
    """Return the statements of the claim, and whether they hold.

    Args:
        base: BNAS-A with skips.
        ablated: The networks without.
    """
    kept = _courses(base)
    courses = [course for network in ablated for course in _courses(network)]
    low = sum(course is None or course.is_low for course in courses)
    fell = sum(course is not None and course.collapsed for course in courses)
    rougher = sum(course is not None and course.test_jump > course.train_jump for course in courses)
    total = len(courses)
    return [
        Check(
            "no training of BNAS-A with skips ends low",
            not any(course is None or course.is_low for course in kept),
            is_control=True,
        ),
        Check(
            "every training without skips ends below every one with them",
            all(base.is_above(network) for network in ablated),
        ),
        Check(f"every training without skips ends low ({low} of {total} do)", low == total),
        Check(f"every one collapses, after it had learned ({fell} of {total} do)", fell == total),
        Check(
            "the test accuracy of every one changes more from epoch to epoch than its training "
            f"accuracy ({rougher} of {total})",
            rougher == total,
        ),
    ]


def courses_table(networks: Sequence[Trained]) -> Table:
    """Return what the accuracy of every training did."""
    rows = []
    for network in networks:
        for seed, result, course in zip(
            network.seeds, network.results, _courses(network), strict=True
        ):
            numbers = (None,) * 8 if course is None else (
                course.best_train, course.final_train, course.best_test, course.final_test,
                course.train_jump, course.test_jump, course.learned, course.is_low,
            )  # fmt: skip
            rows.append((network.subject.title, seed, result.outcome, *numbers))
    return Table(
        "fig4_courses",
        (
            "network", "seed", "outcome", "best train %", "last train %", "best test %",
            "last test %", "train change an epoch", "test change an epoch", "learned", "ends low",
        ),
        tuple(rows),
        "Top-1 of every training, changes in points; before real parameters are rounded as in a "
        "packed file.",
    )  # fmt: skip


def curves_table(networks: Sequence[Trained]) -> Table:
    """Return the curves themselves; on the page they are the picture."""
    rows = [
        (network.subject.title, seed, record.epoch + 1, record.train_top1, record.holdout_top1)
        for network in networks
        for seed, history in zip(network.seeds, network.histories, strict=True)
        for record in history
    ]
    columns = ("network", "seed", "epoch", "train %", "test %")
    return Table("fig4_curves", columns, tuple(rows), on_page=False)


def _courses(network: Trained) -> list[Course | None]:
    return [course_of(result, network.guessing) for result in network.results]


def _jump(values: Sequence[float]) -> float:
    steps = [abs(after - before) for before, after in zip(values, values[1:], strict=False)]
    return fmean(steps) if steps else 0.0


def _draw(context: Context, networks: Sequence[Trained]) -> Picture | None:
    from bnas import search

    # A training that diverged before its first epoch ended has no curve.
    runs = {each.subject.title: [h for h in each.histories if h] for each in networks}
    drawn = {title: histories for title, histories in runs.items() if histories}
    if not drawn:
        return None
    guessing = networks[0].guessing
    search.draw_runs(drawn, context.path(_PICTURE), test_label="test images", chance=guessing)
    return Picture(
        _PICTURE,
        "Training accuracy (a) and test accuracy (b) by epoch, every seed; bold: the mean.",
    )
