from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from bnas.tools.contact_sheet import Tile, contact_sheet, save_picture
from bnas.zoo.errors import SaveError
from bnas.zoo.photos import bundled_photos

GREEN, RED = "#15803d", "#c81e2b"


def pixels_of(sheet: Image.Image, colour: str) -> int:
    return int((np.asarray(sheet) == ImageColor.getrgb(colour)).all(axis=2).sum())


def sheet_of(*tiles: Tile) -> Image.Image:
    return contact_sheet(tiles, "title", "footer")


def tile(label: str, predicted: str, confidence: float = 0.5) -> Tile:
    return Tile(bundled_photos()[0].path, label, predicted, confidence)


def test_right_is_green_and_wrong_is_red() -> None:
    right, wrong = sheet_of(tile("cat", "cat")), sheet_of(tile("cat", "dog"))
    assert pixels_of(right, GREEN) > 10 * pixels_of(right, RED)
    assert pixels_of(wrong, RED) > 10 * pixels_of(wrong, GREEN)


def test_the_bar_is_as_long_as_the_confidence() -> None:
    short, long = (pixels_of(sheet_of(tile("a", "a", share)), GREEN) for share in (0.2, 0.9))
    assert long - short == pytest.approx(0.7 * 180 * 8, rel=0.05)


def test_the_photo_is_on_it_enlarged() -> None:
    red = Image.new("RGB", (20, 30), "#ff00ff")
    assert pixels_of(sheet_of(tile("a", "a")), "#ff00ff") == 0
    painted = contact_sheet([Tile(_saved(red), "a", "a", 1.0)], "", "")
    assert pixels_of(painted, "#ff00ff") > 180 * 180


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _saved(image: Image.Image) -> Path:
    path = Path("photo.png")
    save_picture(image, path)
    return path


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (7, 1), (8, 2), (15, 3)])
def test_the_sheet_grows_by_rows(count: int, rows: int) -> None:
    sizes = [sheet_of(*[tile("a", "b")] * number).size for number in (1, count)]
    row_height = 184 + 94 + 16
    assert sizes[1][1] - sizes[0][1] == (rows - 1) * row_height
    assert sizes[1][0] <= 7 * (184 + 24 + 16) + 64


def test_long_labels_stay_on_their_card() -> None:
    sheet = sheet_of(tile("x" * 40, "y" * 40))
    pixels = np.asarray(sheet)
    right_margin = pixels[100:, -30:]
    assert (right_margin == right_margin[0, 0]).all()


def test_saving_is_whole_or_not_at_all(tmp_path: Path) -> None:
    image = Image.new("RGB", (3, 2), "red")
    save_picture(image, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as found:
        assert np.array_equal(np.asarray(found), np.asarray(image))
    with pytest.raises(SaveError):
        save_picture(image, tmp_path / "none" / "x.png")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
