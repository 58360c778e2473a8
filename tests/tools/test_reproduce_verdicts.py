"""Verdicts of reproductions: what made-up trainings lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnas import search
from bnas.tools.reproduce import Context, Scale, load_scale
from bnas.tools.reproduce.baselines import judge_darts
from bnas.tools.reproduce.bats import judge as judge_bats
from bnas.tools.reproduce.gradients import (
    Gradients,
    frames,
    judge_decline,
    judge_spikiness,
    spikiness,
    unsteadiness,
)
from bnas.tools.reproduce.learning_curves import course_of, courses_table, curves_table, judge
from bnas.tools.reproduce.subjects import SUBJECTS
from bnas.tools.reproduce.trainings import Trained
from bnas.tools.reproduce.words import outcome_of

GUESSING = 10.0


def result(train: list[float], test: list[float], outcome: str = "finished") -> search.TrialResult:
    history = tuple(
        search.EpochMetrics(
            epoch=epoch,
            side=16,
            learning_rate=0.1,
            loss=1.0,
            train_top1=top1,
            holdout_top1=held,
            images_per_s=1.0,
        )
        for epoch, (top1, held) in enumerate(zip(train, test, strict=True))
    )
    top1 = test[-1] if outcome == "finished" else None
    return search.TrialResult("name", Path(), outcome, history, top1, "")  # type: ignore[arg-type]


RISING = result([20.0, 40.0, 60.0], [20.0, 35.0, 50.0])
LOWER = result([20.0, 30.0, 40.0], [20.0, 25.0, 30.0])
FALLING = result([20.0, 50.0, 12.0], [20.0, 45.0, 10.0])
GONE = result([20.0, 50.0], [20.0, 40.0], "diverged")


def network(key: str, *results: search.TrialResult) -> Trained:
    return Trained(SUBJECTS[key], results)


def ablated(each: search.TrialResult) -> list[Trained]:
    return [network(key, each) for key in ("A-no-skip", "B-no-skip", "C-no-skip")]


def test_the_course_of_a_training() -> None:
    course = course_of(FALLING, GUESSING)
    assert course is not None
    assert (course.best_train, course.final_train) == (50.0, 12.0)
    assert (course.best_test, course.final_test) == (45.0, 10.0)
    assert course.train_jump == pytest.approx((30 + 38) / 2)
    assert course.test_jump == pytest.approx((25 + 35) / 2)
    assert course.collapsed
    assert course_of(result([], [], "diverged"), GUESSING) is None


def test_how_trainings_end_in_words() -> None:
    assert outcome_of(network("A", RISING)) == "ends at 50.0 % of the test images (one seed)"
    both = outcome_of(network("A", RISING, LOWER, GONE))
    assert both == (
        "ends at 40.0 % of the test images (30.0 to 50.0 over 2 seeds) and diverges in 1 of 3 "
        "trainings"
    )
    assert outcome_of(network("A", GONE)) == "diverges in 1 of 1 trainings"


def test_what_counts_as_a_collapse() -> None:
    collapsed = [course_of(each, GUESSING).collapsed for each in (RISING, LOWER, FALLING, GONE)]  # type: ignore[union-attr]
    assert collapsed == [False, False, True, True]
    near_guessing = course_of(result([11.0, 12.0], [10.0, 10.0]), GUESSING)
    assert near_guessing is not None and near_guessing.collapsed


@pytest.mark.parametrize(
    ("base", "without", "verdict"),
    [
        (RISING, FALLING, "reproduced"),
        (RISING, GONE, "reproduced"),
        (RISING, LOWER, "in part"),
        (LOWER, RISING, "not reproduced"),
        (FALLING, FALLING, "not reproduced"),
    ],
)
def test_the_verdict_on_skips(
    base: search.TrialResult, without: search.TrialResult, verdict: str
) -> None:
    found, finding = judge(network("A", base), ablated(without), GUESSING)
    assert found == verdict
    assert "of 3 trainings without skips collapse" in finding


def test_tables_of_curves_hold_every_epoch_of_every_seed() -> None:
    networks = [network("A", RISING, GONE), network("A-no-skip", FALLING, LOWER)]
    curves = curves_table(networks)
    assert len(curves.rows) == 3 + 2 + 3 + 3
    assert curves.rows[0] == ("BNAS-A", 0, 1, 20.0, 20.0)
    courses = courses_table(networks, GUESSING)
    assert [row[:3] for row in courses.rows] == [
        ("BNAS-A", 0, "finished"),
        ("BNAS-A", 1, "diverged"),
        ("BNAS-A, no skip", 0, "finished"),
        ("BNAS-A, no skip", 1, "finished"),
    ]


def history(*rows: list[float], layers: list[str] | None = None) -> search.GradientHistory:
    names = layers or [f"cells.{cell}.ops.0.conv" for cell in range(len(rows[0]))]
    kinds = ["real" if name.startswith("stem") else "binary" for name in names]
    return search.GradientHistory(
        layers=names, kinds=kinds, epochs=range(len(rows)), values=list(rows)
    )


def gradients(title: str, *rows: list[float]) -> Gradients:
    return Gradients(title, "no skip" not in title, (history(*rows),))


def test_spikiness_compares_like_convolutions_of_successive_cells() -> None:
    layers = ["stem.conv", "cells.0.a", "cells.0.b", "cells.1.a", "cells.1.b", "cells.2.a"]
    found = history([1e9, 1.0, 1e6, 10.0, 1e6, 1000.0], layers=layers)
    assert spikiness(found, 0) == pytest.approx((1 + 2 + 0) / 3)
    without = history([1e9, 1.0, 1e6, 0.0, 1e6, 1000.0], layers=layers)
    assert spikiness(without, 0) == pytest.approx((3 + 0) / 2)
    assert spikiness(history([3.0, 3.0, 3.0]), 0) == 0.0
    assert spikiness(history([0.0, 0.0]), 0) == 0.0


def test_unsteadiness_compares_successive_epochs() -> None:
    found = history([1.0, 1.0], [10.0, 1.0], [10.0, 0.0])
    assert unsteadiness(found, (0, 1, 2)) == pytest.approx((1 + 0 + 0) / 3)
    assert unsteadiness(found, (0, 7)) == 0.0


EVEN = gradients("BNAS-A", [1.0, 2.0, 1.0], [0.1, 0.2, 0.1])
SPIKY = gradients("BNAS-A, no skip", [1.0, 100.0, 1.0], [0.1, 10.0, 0.1])
GROWING = gradients("BNAS-B, no skip", [1.0, 1.5, 1.0], [10.0, 15.0, 10.0])


def test_the_verdict_on_spikes() -> None:
    assert judge_spikiness([EVEN, SPIKY, SPIKY], 0)[0] == "reproduced"
    assert judge_spikiness([EVEN, SPIKY, GROWING], 0)[0] == "in part"
    assert judge_spikiness([EVEN, GROWING, GROWING], 0)[0] == "not reproduced"
    short = Gradients(SPIKY.title, False, ())
    verdict, finding = judge_spikiness([EVEN, short], 0)
    assert verdict == "in part" and "none left" in finding


def test_the_verdict_on_the_decline() -> None:
    assert judge_decline([EVEN, SPIKY], (0, 1))[0] == "reproduced"
    assert judge_decline([GROWING], (0, 1))[0] == "not reproduced"


def test_the_verdict_on_darts() -> None:
    chance = result([10.0, 10.0], [10.0, 10.0])

    def verdict(centred: Any, plain: Any) -> tuple[str, str]:
        networks = {"DARTS-centred": centred, "DARTS": plain, "DARTS-skips": LOWER, "A": RISING}
        return judge_darts({key: network(key, each) for key, each in networks.items()})

    assert verdict(chance, chance)[0] == "reproduced"
    assert verdict(chance, LOWER)[0] == "in part"
    assert verdict(LOWER, LOWER)[0] == "not reproduced"
    assert "10.0 % of the test images" in verdict(chance, GONE)[1]


@pytest.mark.parametrize(
    ("ratio", "real", "verdict"),
    [(4.1, RISING, "reproduced"), (20.0, RISING, "in part"), (20.0, LOWER, "not reproduced")],
)
def test_the_verdict_on_bats(ratio: float, real: search.TrialResult, verdict: str) -> None:
    networks = (network("BATS", LOWER), network("BATS-real", real))
    found, finding = judge_bats({"CIFAR-10, 32x32": 1.0, "ImageNet, 224x224": ratio}, networks)
    assert found == verdict
    assert f"{ratio:.2f}" in finding


def small_context(tmp_path: Path, **fields: Any) -> Context:
    scale = Scale(name="quick", title="small", recipe="paper-cifar10", **fields)
    return Context(scale=scale, out_dir=tmp_path)


def test_frames_of_the_animation(tmp_path: Path) -> None:
    context = small_context(tmp_path, epochs=600, first_frame=100, frame_step=10)
    shown = frames(context)
    assert (shown[0] + 1, shown[-1] + 1, len(shown)) == (100, 600, 51)
    assert frames(small_context(tmp_path, epochs=2, first_frame=5)) == (1,)


def test_gradients_of_the_papers_scale_are_of_the_papers_epochs() -> None:
    scale = load_scale("paper")
    assert (scale.epochs, scale.first_frame, scale.frame_step) == (600, 100, 10)
