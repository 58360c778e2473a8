"""Accuracy by epoch of several runs: structure of the picture, not pixels."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from bnas import search
from bnas.search.run_curves import COLOURS, draw_runs, mean_by_epoch

SVG = "{http://www.w3.org/2000/svg}"


def history(*accuracies: float) -> list[search.EpochMetrics]:
    return [
        search.EpochMetrics(
            epoch=epoch,
            side=16,
            learning_rate=0.1,
            loss=1.0,
            train_top1=accuracy,
            holdout_top1=accuracy - 5,
            images_per_s=100.0,
        )
        for epoch, accuracy in enumerate(accuracies)
    ]


RUNS = {
    "with skips": [history(10, 30, 50), history(12, 34, 58), history(14, 32, 54)],
    "without": [history(10, 12, 11)],
}


def texts(path: Path) -> list[str]:
    found = ElementTree.parse(path).iter(f"{SVG}text")
    return ["".join(each.itertext()).strip() for each in found]


def lines(path: Path) -> list[tuple[str, float]]:
    """Return colour and width of every drawn curve, in order."""
    styles = [each.get("style", "") for each in ElementTree.parse(path).iter(f"{SVG}path")]
    fields = [dict(part.split(": ") for part in each.split("; ") if part) for each in styles]
    return [
        (each["stroke"], float(each.get("stroke-width", 1)))
        for each in fields
        if each.get("stroke") in COLOURS[:2]
    ]


def test_every_seed_is_thin_and_the_mean_bold_in_the_same_colour(tmp_path: Path) -> None:
    path = tmp_path / "runs.svg"
    draw_runs(RUNS, path, title="No Skip", test_label="test images", chance=10.0)
    found = texts(path)
    for word in ("(a) training batches", "(b) test images", "top-1, %", "epoch", "No Skip"):
        assert word in found
    for word in ("with skips (3 seeds)", "without", "guessing"):
        assert found.count(word) == 1
    assert "thin: single runs; bold: their mean" in found
    panel = [(COLOURS[0], 0.8)] * 3 + [(COLOURS[0], 2.2), (COLOURS[1], 2.2)]
    legend = [(COLOURS[0], 2.2), (COLOURS[1], 2.2)]
    # Marks of three points have lines of their own, of another width.
    curves = [each for each in lines(path) if each[1] in (0.8, 2.2)]
    assert curves == [*panel, *panel, *legend]


def test_single_runs_need_no_word_about_seeds_and_no_chance_no_line(tmp_path: Path) -> None:
    path = tmp_path / "runs.svg"
    draw_runs({"alone": [history(*range(20, 40))]}, path)
    found = texts(path)
    assert "alone" in found
    assert not any("thin" in each or "guessing" in each or "seeds" in each for each in found)
    assert "(b) held-out images" in found


def test_the_mean_ends_with_the_shortest_run() -> None:
    seeds = [history(10, 20, 30), history(30, 40)]
    assert mean_by_epoch(seeds, "train_top1") == [20, 30]
    assert mean_by_epoch(seeds, "holdout_top1") == [15, 25]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_runs_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    draw_runs(RUNS, first)
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 5}):
        draw_runs(RUNS, second)
    assert first.read_bytes() == second.read_bytes()


def test_many_runs_with_long_names_stay_inside_the_picture(tmp_path: Path) -> None:
    names = [f"a network with a rather long name, number {number}" for number in range(9)]
    path = tmp_path / "runs.svg"
    draw_runs({name: [history(10, 20), history(20, 30)] for name in names}, path)
    assert [name for name in texts(path) if name.startswith("a network")] == [
        f"{name} (2 seeds)" for name in names
    ]


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.png"
    with pytest.raises(ValueError, match="`runs` must have records .*got none of any"):
        draw_runs({}, path)
    for seeds in ([], [history(1), []]):
        with pytest.raises(ValueError, match=r"got none of \['empty'\]"):
            draw_runs({"good": [history(1)], "empty": seeds}, path)
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf"):
        draw_runs(RUNS, tmp_path / "runs.gif")
    assert list(tmp_path.iterdir()) == []
