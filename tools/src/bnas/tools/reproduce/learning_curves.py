"""Figure 4: do networks without inter-cell skips collapse?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from attrs import frozen

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.section import Picture, Section, Table, Verdict
from bnas.tools.reproduce.trainings import Trained, trained
from bnas.tools.reproduce.words import outcome_of, reduced_words

if TYPE_CHECKING:
    from bnas.search import TrialResult

WITH, WITHOUT = "A", ("A-no-skip", "B-no-skip", "C-no-skip")
#: A training that ends with less than this share of its best training accuracy has collapsed.
COLLAPSED_SHARE = 0.5
#: So many points above guessing are as good as guessing.
NEAR_GUESSING = 5.0
_CLAIM = (
    "Section 3.1, Figure 4: without the inter-cell skip connections the training and the test "
    "accuracy of BNAS-A, -B and -C collapse when they are trained for 600 epochs, and the test "
    "accuracy fluctuates more than the training accuracy."
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
        collapsed: Whether it ended far below its best, near guessing, or in no number at all.
    """

    best_train: float
    final_train: float
    best_test: float
    final_test: float
    train_jump: float
    test_jump: float
    collapsed: bool


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
    fell = train[-1] < COLLAPSED_SHARE * max(train) or train[-1] <= guessing + NEAR_GUESSING
    return Course(
        best_train=max(train),
        final_train=train[-1],
        best_test=max(test),
        final_test=test[-1],
        train_jump=_jump(train),
        test_jump=_jump(test),
        collapsed=fell or result.outcome == "diverged",
    )


def fig4(context: Context) -> Section:
    """Train BNAS-A with skips, and A, B and C without, and draw how their accuracy goes."""
    networks = trained(context, (WITH, *WITHOUT))
    guessing = networks[0].guessing
    verdict, finding = judge(networks[0], networks[1:], guessing)
    picture = _draw(context, networks)
    return Section(
        target="fig4",
        title="Figure 4: learning curves without skips",
        claim=_CLAIM,
        verdict=verdict,
        finding=f"{finding} {reduced_words(context)}".strip(),
        parts=(picture, courses_table(networks, guessing), curves_table(networks)),
    )


def judge(base: Trained, ablated: Sequence[Trained], guessing: float) -> tuple[Verdict, str]:
    """Return the verdict on the claim, and what it rests on.

    Args:
        base: BNAS-A with skips.
        ablated: The networks without.
        guessing: Percent right of who always says one class.
    """
    courses = [course_of(result, guessing) for network in ablated for result in network.results]
    lost = sum(course is None or course.collapsed for course in courses)
    kept = [course_of(result, guessing) for result in base.results]
    base_lost = sum(course is None or course.collapsed for course in kept)
    fell = sum(
        course is not None and course.collapsed and course.best_train > guessing + NEAR_GUESSING
        for course in courses
    )
    lines = [
        f"{lost} of {len(courses)} trainings without skips collapse (they diverge, end below half "
        f"of their best training accuracy, or within {NEAR_GUESSING:g} points of guessing), "
        f"{fell} of them after having been better; {base_lost} of {len(kept)} of BNAS-A with skips."
    ]
    lines += [f"{each.subject.title} {outcome_of(each)}." for each in (base, *ablated)]
    means = [each.mean_top1 for each in ablated]
    lower = base.mean_top1 is not None and all(
        mean is None or mean < base.mean_top1 for mean in means
    )
    if lost == len(courses) and base_lost == 0:
        return "reproduced", " ".join(lines)
    if lower or lost / len(courses) > base_lost / len(kept):
        lines.append("Skips help, but the collapse itself is not seen everywhere.")
        return "in part", " ".join(lines)
    return "not reproduced", " ".join(lines)


def courses_table(networks: Sequence[Trained], guessing: float) -> Table:
    """Return what the accuracy of every training did."""
    rows = []
    for network in networks:
        for seed, result in enumerate(network.results):
            course = course_of(result, guessing)
            numbers = (None,) * 7 if course is None else (
                course.best_train, course.final_train, course.best_test, course.final_test,
                course.train_jump, course.test_jump, course.collapsed,
            )  # fmt: skip
            rows.append((network.subject.title, seed, result.outcome, *numbers))
    return Table(
        "fig4_courses",
        (
            "network", "seed", "outcome", "best train %", "last train %", "best test %",
            "last test %", "train change an epoch", "test change an epoch", "collapsed",
        ),
        tuple(rows),
        "Top-1 of every training; changes in points.",
    )  # fmt: skip


def curves_table(networks: Sequence[Trained]) -> Table:
    """Return the curves themselves; on the page they are the picture."""
    rows = [
        (network.subject.title, seed, record.epoch + 1, record.train_top1, record.holdout_top1)
        for network in networks
        for seed, history in enumerate(network.histories)
        for record in history
    ]
    columns = ("network", "seed", "epoch", "train %", "test %")
    return Table("fig4_curves", columns, tuple(rows), on_page=False)


def _jump(values: Sequence[float]) -> float:
    steps = [abs(after - before) for before, after in zip(values, values[1:], strict=False)]
    return fmean(steps) if steps else 0.0


def _draw(context: Context, networks: Sequence[Trained]) -> Picture:
    from bnas import search

    file = "fig4.png"
    # A training that diverged before its first epoch ended has no curve.
    runs = {each.subject.title: [h for h in each.histories if h] for each in networks}
    drawn = {title: histories for title, histories in runs.items() if histories}
    guessing = networks[0].guessing
    search.draw_runs(drawn, context.path(file), test_label="test images", chance=guessing)
    return Picture(
        file, "Training accuracy (a) and test accuracy (b) by epoch, every seed; bold: the mean."
    )
