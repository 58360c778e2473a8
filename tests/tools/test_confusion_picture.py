"""A picture of confusions is readable for two classes and for a thousand."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from bnas import zoo
from bnas.tools.confusion_picture import check_picture_name, draw_confusion
from bnas.zoo.tally import Tally


def drawn(tally: Tally, path: Path, name_of: Callable[[int], str] = "class {}".format) -> list[str]:
    """Draw a picture and return its texts."""
    draw_confusion(tally, name_of, str(path), title="Tiny on photos", subtitle="so many")
    return [each.text or "" for each in ElementTree.parse(path).findall(".//{*}text")]


def ring(classes: int) -> Tally:
    """Of each class, three are right and one is taken for the next class."""
    tally = Tally()
    for label in range(classes):
        for answer in (label, label, label, (label + 1) % classes):
            tally.add(label, [answer])
    return tally


def test_few_classes_have_names_and_numbers(tmp_path: Path) -> None:
    texts = drawn(ring(3), tmp_path / "few.svg")
    assert [texts.count(f"class {index}") for index in range(3)] == [2, 2, 2]
    assert (texts.count("3"), texts.count("1")) == (3, 3)
    assert "class 2 as class 0" in texts
    assert "1, 25.00 %" in texts
    assert {"Tiny on photos", "so many"} <= set(texts)


@pytest.mark.parametrize(("classes", "step"), [(60, 1), (200, 3)])
def test_many_classes_are_named_as_far_as_names_fit(
    tmp_path: Path, classes: int, step: int
) -> None:
    texts = drawn(ring(classes), tmp_path / "many.svg")
    named = {each for each in texts if texts.count(each) == 2}
    assert named == {f"class {index}" for index in range(0, classes, step)}
    assert sum(" as " in each for each in texts) == 24


def test_each_of_a_thousand_classes_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "thousand.png"
    draw_confusion(ring(1000), str, str(path), title="", subtitle="")
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    bluish = pixels[..., 2] - pixels[..., 0] > 60
    reddish = pixels[..., 0] - pixels[..., 2] > 60
    rows = np.flatnonzero(bluish.any(axis=1))
    # Diagonal from end to end, two pixels a class, and what is wrong beside it.
    assert 1950 < len(rows) < 2150
    assert reddish[rows].any(axis=1).mean() > 0.95


def test_classes_that_do_not_occur_have_no_row(tmp_path: Path) -> None:
    tally = Tally()
    tally.add(700, [3])
    texts = drawn(tally, tmp_path / "rare.svg")
    assert [texts.count(f"class {index}") for index in (3, 700, 4)] == [2, 2, 0]


@pytest.mark.parametrize("name", ["$x_1$", "x" * 300, "\u732b", "<&>"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    tally = Tally()
    tally.add(0, [0])
    texts = drawn(tally, tmp_path / "name.svg", lambda index: name)
    assert any(each.replace("\\$", "$")[:20] == name[:20] for each in texts)
    assert "Nothing confused" in texts


def test_other_formats_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"must end in \.png, \.svg or \.pdf"):
        check_picture_name("--confusion", "matrix.bmp")
    with pytest.raises(zoo.ZooError, match="cannot write"):
        drawn(ring(2), tmp_path / "none" / "few.svg")
