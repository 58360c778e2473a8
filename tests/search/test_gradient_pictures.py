"""Sums of |gradient| by layer: panels, scales and frames."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from bnas import search
from bnas.search.gradient_pictures import animate_gradients, draw_gradients
from bnas.search.gradient_scene import COLOUR, mean_of

LAYERS = ("stem.conv", "cells.0.ops.0.conv", "cells.1.skip.conv", "cells.1.ops.1.conv")
KINDS = ("real", "binary", "real", "binary")


def history(*rows: list[float], first: int = 0) -> search.GradientHistory:
    return search.GradientHistory(LAYERS, KINDS, range(first, first + len(rows)), rows)


PANELS = {
    "BNAS-A w/ SC": history([4, 3, 2, 1], [0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.2, 0.05]),
    "BNAS-A w/o SC": history([4, 30, 0.2, 100], [0.4, 3, 0.02, 10], [0, 3, math.inf, 10]),
    "BNAS-B w/o SC": history([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [7, 7, 7, 7]),
}


def texts(path: Path) -> list[str]:
    found = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(each.itertext()).strip() for each in found]


def powers(path: Path) -> list[str]:
    """Return the labels of the logarithmic axes; of exponents the digits alone."""
    joined = ["".join(each.split()) for each in texts(path)]
    return [each for each in joined if each.startswith("10")]


def test_every_run_has_a_panel_and_all_have_one_scale(tmp_path: Path) -> None:
    path = tmp_path / "gradients.svg"
    draw_gradients(PANELS, path, epoch=0, title="No Skip")
    found = texts(path)
    for word in (*PANELS, "No Skip, epoch 1", "sum of |gradient|", "with real weights"):
        assert found.count(word) == 1
    # From 0.02 to 100, in powers of ten.
    assert powers(path) == 3 * ["10−1", "100", "101", "102"]


def test_the_scale_is_that_of_all_epochs(tmp_path: Path) -> None:
    scales = []
    for epoch in (0, 1, 2):
        draw_gradients(PANELS, tmp_path / "a.svg", epoch=epoch)
        scales.append(powers(tmp_path / "a.svg"))
    assert scales[0] == scales[1] == scales[2] != []


def test_frames_differ_in_lines_and_title_alone(tmp_path: Path) -> None:
    path = tmp_path / "gradients.gif"
    animate_gradients(PANELS, path, frame_ms=120, title="No Skip")
    frames, durations = [], []
    with Image.open(path) as image:
        assert image.n_frames == 3  # that all panels have
        assert image.info["loop"] == 0
        for number in range(3):
            image.seek(number)
            durations.append(image.info["duration"])
            frames.append(np.asarray(image.convert("RGB")).astype(int))
    assert durations == [120, 120, 600]
    height, width = frames[0].shape[:2]
    assert (width, height) == (960, 620)
    assert (frames[0][0] == 255).all()  # the paper is white
    changed = np.abs(frames[0] - frames[1]).sum(axis=2) > 0
    assert changed.any()
    # The third panel has the same values; its quarter and the names of the axes stay as they were.
    assert not changed[height // 2 + 10 :].any()
    assert not changed[:, :60].any()


def test_chosen_epochs_and_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.gif", tmp_path / "b.gif"
    animate_gradients(PANELS, first, epochs=[0, 2])
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 5}):
        animate_gradients(PANELS, second, epochs=[0, 2])
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.n_frames == 2


def lines(path: Path) -> int:
    """Count the curves of the panels: in the colour of curves, clipped to their panel."""
    tree = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}path")
    return sum(
        "clip-path" in each.attrib and f"stroke: {COLOUR}" in each.get("style", "") for each in tree
    )


def test_every_seed_of_a_panel_is_drawn_and_their_mean(tmp_path: Path) -> None:
    path = tmp_path / "gradients.svg"
    seeds = [history([1, 1, 1, 1]), history([100, 100, 100, 100])]
    counts = []
    for panel in (seeds[0], seeds[:1], seeds):
        draw_gradients({"BNAS-A": panel}, path, epoch=0)
        counts.append(lines(path))
    assert counts[0] == counts[1] == counts[2] - len(seeds)


def test_an_animation_shows_the_epochs_that_all_seeds_have(tmp_path: Path) -> None:
    seeds = [history([1] * 4, [2] * 4, [3] * 4), history([1] * 4, [2] * 4)]
    animate_gradients({"BNAS-A": seeds}, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 2


def test_the_mean_of_runs_is_geometric_and_over_their_common_epochs() -> None:
    runs = [history([1, 2, 3, 4], [1, 1, 1, 1]), history([100, 2, 12, 0])]
    mean = mean_of(runs)
    assert mean.epochs == (0,)
    np.testing.assert_allclose(mean.values, [[10, 2, 6, 0]])
    other = search.GradientHistory(("fc",), ("real",), (0,), [[1.0]])
    with pytest.raises(ValueError, match="of one network"):
        mean_of([runs[0], other])


def test_nothing_but_zeros_and_one_run_are_drawn_too(tmp_path: Path) -> None:
    draw_gradients({"dead": history([0, 0, 0, 0])}, tmp_path / "dead.svg", epoch=0)
    assert "epoch 1" in texts(tmp_path / "dead.svg")


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    png, gif = tmp_path / "a.png", tmp_path / "a.gif"
    with pytest.raises(ValueError, match="at least one run"):
        draw_gradients({}, png, epoch=0)
    with pytest.raises(ValueError, match="at least one run"):
        draw_gradients({"empty": []}, png, epoch=0)
    with pytest.raises(ValueError, match="at least one run"):
        animate_gradients({}, gif)
    with pytest.raises(
        ValueError, match=r"`epoch` must be one that was recorded, 0 to 2 \(got 3\)"
    ):
        draw_gradients(PANELS, png, epoch=3)
    with pytest.raises(ValueError, match="recorded"):
        animate_gradients(PANELS, gif, epochs=[0, 3])
    with pytest.raises(ValueError, match="an epoch in common"):
        animate_gradients({"a": history([1] * 4), "b": history([1] * 4, first=1)}, gif)
    with pytest.raises(ValueError, match=r"`path` must end in \.gif"):
        animate_gradients(PANELS, png)
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf"):
        draw_gradients(PANELS, gif, epoch=0)
    with pytest.raises(ValueError, match="multiple of 10"):
        animate_gradients(PANELS, gif, frame_ms=25)
    assert list(tmp_path.iterdir()) == []
