from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from bnas import search
from bnas.search.curves import draw_curves


def history(*sides: int, first: int = 0) -> list[search.EpochMetrics]:
    return [
        search.EpochMetrics(
            epoch=epoch,
            side=side,
            learning_rate=0.1 / (1 + epoch),
            loss=2.0 / (1 + epoch),
            train_top1=50.0 + epoch,
            holdout_top1=48.0 + epoch,
            images_per_s=100.0,
        )
        for epoch, side in enumerate(sides, start=first)
    ]


def texts(path: Path) -> list[str]:
    """Return the texts of an SVG file."""
    found = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(each.itertext()).strip() for each in found]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_history_gives_the_same_bytes_whatever_the_reader_s_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    draw_curves(history(16, 16, 32), tmp_path / f"a.{suffix}")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # another day
    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "another", "lines.linewidth": 5}):
        draw_curves(history(16, 16, 32), tmp_path / f"b.{suffix}")
        assert matplotlib.rcParams["font.size"] == 20
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_axes_last_values_and_stages_are_named(tmp_path: Path) -> None:
    path = tmp_path / "curves.svg"
    draw_curves(history(16, 16, 24, 32, 32), path)
    found = texts(path)
    for word in ("top-1, %", "training loss", "learning rate", "epoch"):
        assert word in found
    assert "training batches, last 54.0 %" in found
    assert "held-out images, last 52.0 %" in found
    assert [text for text in found if "x" in text and text[0].isdigit()] == [
        "16x16",
        "24x24",
        "32x32",
    ]


def test_one_side_needs_no_marks_and_one_epoch_is_a_point(tmp_path: Path) -> None:
    path = tmp_path / "curves.svg"
    draw_curves(history(16, first=4), path)
    found = texts(path)
    assert "16x16" not in found
    assert found.count("5") == 1  # the only epoch, as a tick of the lowest axis


def test_a_picture_that_cannot_be_drawn_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "curves.png"
    draw_curves(history(16, 32), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="at least one record"):
        draw_curves([], path)
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf"):
        draw_curves(history(16), tmp_path / "curves.gif")
    with pytest.raises(OSError):
        draw_curves(history(16), tmp_path / "none" / "curves.png")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
