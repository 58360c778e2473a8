"""Verdicts of reproductions: what made-up trainings lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnas import cells, search
from bnas.tools.reproduce import Context, Scale
from bnas.tools.reproduce.baselines import judge as judge_baselines
from bnas.tools.reproduce.bats import judge as judge_bats
from bnas.tools.reproduce.checks import Check, told, verdict_of
from bnas.tools.reproduce.gradient_panels import Gradients
from bnas.tools.reproduce.gradients import frames, judge_course, judge_spikes
from bnas.tools.reproduce.learning_curves import course_of, courses_table, curves_table, judge
from bnas.tools.reproduce.section import Table
from bnas.tools.reproduce.spikes import (
    jumps_of_epochs,
    jumps_of_like,
    jumps_of_neighbours,
    kinds_of,
)
from bnas.tools.reproduce.subjects import SUBJECTS
from bnas.tools.reproduce.trainings import Trained
from bnas.tools.reproduce.words import outcome_of, range_of
from bnas.tools.reproduce.zeroise import judge_costs

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
ROUGH = result([20.0, 50.0, 12.0], [20.0, 60.0, 10.0])
NEVER = result([10.0, 11.0, 10.0], [10.0, 10.0, 10.0])
GONE = result([20.0, 50.0], [20.0, 60.0], "diverged")


def network(key: str, *results: search.TrialResult) -> Trained:
    return Trained(SUBJECTS[key], tuple(range(len(results))), results)


def ablated(each: search.TrialResult) -> list[Trained]:
    return [network(key, each) for key in ("A-no-skip", "B-no-skip", "C-no-skip")]


@pytest.mark.parametrize(
    ("holding", "controls", "verdict"),
    [
        ([True, True], [True], "reproduced"),
        ([True, False], [True], "in part"),
        ([False, False], [True], "not reproduced"),
        ([True, True], [False], "not reproduced"),
    ],
)
def test_a_verdict_is_made_of_statements(
    holding: list[bool], controls: list[bool], verdict: str
) -> None:
    checks = [Check("a control", each, is_control=True) for each in controls]
    checks += [Check(f"statement {place}", each) for place, each in enumerate(holding)]
    assert verdict_of(checks) == verdict
    assert told(checks).startswith(f"{sum(holding) + sum(controls)} of {len(checks)}")


def test_statements_are_told_apart() -> None:
    text = told([Check("a holds", True), Check("b does not", False), Check("c holds", True)])
    assert text == "2 of 3 statements hold: a holds; c holds. Not so: b does not."
    assert told([Check("b", False)]) == "0 of 1 statements hold. Not so: b."


def test_the_course_of_a_training() -> None:
    course = course_of(FALLING, GUESSING)
    assert course is not None
    assert (course.best_train, course.final_train) == (50.0, 12.0)
    assert (course.best_test, course.final_test) == (45.0, 10.0)
    assert course.train_jump == pytest.approx((30 + 38) / 2)
    assert course.test_jump == pytest.approx((25 + 35) / 2)
    assert course.collapsed
    assert course_of(result([], [], "diverged"), GUESSING) is None


def test_what_never_learned_has_not_collapsed() -> None:
    courses = [course_of(each, GUESSING) for each in (RISING, LOWER, FALLING, GONE, NEVER)]
    assert [each.collapsed for each in courses] == [False, False, True, True, False]  # type: ignore[union-attr]
    assert [each.is_low for each in courses] == [False, False, True, True, True]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("base", "without", "verdict"),
    [
        (RISING, ROUGH, "reproduced"),
        (RISING, GONE, "reproduced"),
        (RISING, FALLING, "in part"),  # its test accuracy is as steady
        (RISING, NEVER, "in part"),  # low, but it never was better
        (LOWER, RISING, "not reproduced"),
        (FALLING, ROUGH, "not reproduced"),  # skips do not help
    ],
)
def test_the_verdict_on_skips(
    base: search.TrialResult, without: search.TrialResult, verdict: str
) -> None:
    assert verdict_of(judge(network("A", base), ablated(without))) == verdict


def test_trainings_without_an_epoch_are_low_and_have_empty_rows() -> None:
    empty = result([], [], "diverged")
    checks = judge(network("A", RISING), ablated(empty))
    assert [check.holds for check in checks] == [True, True, True, False, False]
    rows = courses_table([network("A", empty)]).rows
    assert rows == (("BNAS-A", 0, "diverged", *[None] * 8),)


def test_tables_of_curves_hold_every_epoch_of_every_seed() -> None:
    networks = [network("A", RISING, GONE), network("A-no-skip", FALLING, LOWER)]
    curves = curves_table(networks)
    assert len(curves.rows) == 3 + 2 + 3 + 3
    assert curves.rows[0] == ("BNAS-A", 0, 1, 20.0, 20.0)
    courses = courses_table(networks)
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


def alike(found: search.GradientHistory) -> dict[str, Any]:
    """Say that convolutions of one place in their cell are like each other."""
    return {name: name.split(".", 2)[2] for name in found.layers if name.startswith("cells")}


def gradients(title: str, *rows: list[float]) -> Gradients:
    run = history(*rows)
    return Gradients(title, "no skip" not in title, {0: run}, alike(run))


LAYERS = ["stem.conv", "cells.0.a", "cells.0.b", "cells.1.a", "cells.1.b", "cells.2.a"]


def test_like_convolutions_of_successive_cells_are_compared() -> None:
    found = history([1e9, 1.0, 1e6, 10.0, 1e6, 1000.0], layers=LAYERS)
    assert jumps_of_like(found, 0, alike(found)) == pytest.approx((1 + 2 + 0) / 3)
    without = history([1e9, 1.0, 1e6, 0.0, 1e6, 1000.0], layers=LAYERS)
    assert jumps_of_like(without, 0, alike(without)) == pytest.approx((3 + 0) / 2)
    even = history([3.0, 3.0, 3.0])
    assert jumps_of_like(even, 0, alike(even)) == 0.0
    dead = history([0.0, 0.0])
    assert jumps_of_like(dead, 0, alike(dead)) == 0.0


def test_neighbours_are_compared_whatever_they_are() -> None:
    found = history([1e9, 1.0, 1e6, 10.0, 1e6, 1000.0], layers=LAYERS)
    assert jumps_of_neighbours(found, 0, alike(found)) == pytest.approx((6 + 5 + 5 + 3) / 4)


def test_successive_epochs_are_compared() -> None:
    found = history([1.0, 1.0], [10.0, 1.0], [10.0, 0.0])
    assert jumps_of_epochs(found, (0, 1, 2), alike(found)) == pytest.approx((1 + 0 + 0) / 3)
    assert jumps_of_epochs(found, (0, 7), alike(found)) is None


def test_a_preprocess_of_another_kernel_is_not_like_the_others() -> None:
    kinds = kinds_of(cells.spec("BNAS-Mini").lower())
    preprocess = {name: kind for name, kind in kinds.items() if "preprocess0" in name}
    assert {kind[1:] for kind in preprocess.values()} == {(1, 1), (3, 2)}
    assert not any("stem" in name or "skip" in name for name in kinds)


EVEN = gradients("BNAS-A", [1.0, 2.0, 1.0], [0.1, 0.2, 0.1])
SPIKY = gradients("BNAS-A, no skip", [1.0, 100.0, 1.0], [0.1, 1.0, 0.1])
GROWING = gradients("BNAS-B, no skip", [1.0, 1.5, 1.0], [10.0, 15.0, 10.0])
NONE = Gradients("BNAS-C, no skip", False, {})


def test_the_verdict_on_spikes() -> None:
    assert verdict_of(judge_spikes([EVEN, SPIKY, SPIKY], 0)) == "reproduced"
    assert verdict_of(judge_spikes([EVEN, SPIKY, GROWING], 0)) == "not reproduced"


def test_what_diverged_before_its_first_epoch_is_no_evidence() -> None:
    checks = judge_spikes([EVEN, NONE], 0)
    assert verdict_of(checks) == "not reproduced" and "none left" in told(checks)
    assert verdict_of(judge_spikes([Gradients("BNAS-A", True, {}), SPIKY], 0)) == "not reproduced"
    assert verdict_of(judge_course([Gradients("BNAS-A", True, {}), NONE], (0, 1))) == (
        "not reproduced"
    )


def test_the_verdict_on_the_animation() -> None:
    assert verdict_of(judge_course([EVEN, SPIKY], (0, 1))) == "reproduced"
    assert verdict_of(judge_course([EVEN, GROWING], (0, 1))) == "not reproduced"
    assert "1 of 2" in told(judge_course([EVEN, GROWING], (0, 1)))


CHANCE = result([10.0, 10.0], [10.0, 10.0])


@pytest.mark.parametrize(
    ("centred", "plain", "skips", "base", "verdict"),
    [
        (CHANCE, CHANCE, LOWER, RISING, "reproduced"),
        (CHANCE, LOWER, RISING, RISING, "in part"),
        (LOWER, LOWER, GONE, RISING, "not reproduced"),
        (CHANCE, CHANCE, CHANCE, CHANCE, "not reproduced"),  # nothing trains
        (GONE, GONE, GONE, GONE, "not reproduced"),
    ],
)
def test_the_verdict_on_darts(
    centred: Any, plain: Any, skips: Any, base: Any, verdict: str
) -> None:
    each = {"DARTS-centred": centred, "DARTS": plain, "DARTS-skips": skips, "A": base}
    networks = {key: network(key, found) for key, found in each.items()}
    assert verdict_of(judge_baselines(networks)) == verdict


@pytest.mark.parametrize(
    ("ratio", "real", "verdict"),
    [
        (4.1, RISING, "reproduced"),
        (5.9, RISING, "reproduced"),
        (20.0, RISING, "in part"),
        (20.0, LOWER, "not reproduced"),
        (20.0, GONE, "not reproduced"),
    ],
)
def test_the_verdict_on_bats_is_that_of_imagenet(
    ratio: float, real: search.TrialResult, verdict: str
) -> None:
    ratios = {"CIFAR-10, 32x32": 4.0, "ImageNet, 224x224": ratio}
    checks = judge_bats(ratios, network("BATS", LOWER), network("BATS-real", real))
    assert verdict_of(checks) == verdict
    assert f"{ratio:.2f}" in told(checks)


def test_one_network_is_above_another_only_where_their_trainings_do_not_overlap() -> None:
    upper = network("A", RISING, LOWER)
    assert upper.is_above(network("B-no-skip", CHANCE, NEVER))
    assert not upper.is_above(network("B-no-skip", CHANCE, LOWER))
    assert upper.is_above(network("B-no-skip", GONE, GONE))
    assert not network("A", RISING, GONE).is_above(network("B-no-skip", CHANCE))


@pytest.mark.parametrize(
    ("saving", "measured", "verdict"),
    [(91.0, 40.0, "reproduced"), (20.0, 40.0, "in part"), (20.0, None, "not reproduced")],
)
def test_the_verdict_on_what_zeroise_saves(
    saving: float, measured: float | None, verdict: str
) -> None:
    columns = (
        "network", "memory saving", "memory saving, deployed", "speed-up, counted",
        "speed-up, counted, deployed", "speed-up over it, measured",
    )  # fmt: skip
    rows = (
        ("BNAS-A without Zeroise", 31.0, 11.0, 58.0, 18.0, 11.0),
        ("BNAS-A with Zeroise", saving, 15.0, saving, 22.0, measured),
    )
    assert verdict_of(judge_costs(Table("t", columns, rows))) == verdict


def test_how_trainings_end_in_words() -> None:
    assert outcome_of(network("A", RISING)) == "ends at 50.0 % of the test images (one seed)"
    both = outcome_of(network("A", RISING, LOWER, GONE))
    assert both == (
        "ends at 40.0 % of the test images (30.0 to 50.0, 2 seeds) and diverges in 1 of 3 trainings"
    )
    assert outcome_of(network("A", GONE)) == "diverges in its training"
    assert range_of([]) == "none left"
    assert range_of([0.123, 0.4]) == "0.12 to 0.40"


def small_context(tmp_path: Path, **fields: Any) -> Context:
    scale = Scale(name="quick", title="small", recipe="paper-cifar10", **fields)
    return Context(scale=scale, out_dir=tmp_path)


def test_frames_of_the_animation(tmp_path: Path) -> None:
    context = small_context(tmp_path, epochs=600, first_frame=100, frame_step=10)
    shown = frames(context)
    assert (shown[0] + 1, shown[-1] + 1, len(shown)) == (100, 600, 51)
    assert frames(small_context(tmp_path, epochs=2, first_frame=5)) == (1,)
