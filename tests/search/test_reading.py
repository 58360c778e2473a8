from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bnas import search


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data set of 2 classes of 15 training images each, all of them different."""
    for label, name in enumerate(("ape", "bee")):
        (tmp_path / "train" / name).mkdir(parents=True)
        for index in range(15):
            image = Image.new("RGB", (4, 4), (100 * label, 10 * index, 3))
            image.save(tmp_path / "train" / name / f"{index:02d}.png")
    return tmp_path


def held_out(data: search.TrainingData) -> str:
    return data.holdout.sha256()


def test_a_tenth_of_a_small_folder_is_held_out_unless_told_otherwise(root: Path) -> None:
    data = search.load_training_data(root)
    assert (len(data.train), len(data.holdout)) == (27, 3)


def test_more_than_there_are_cannot_be_held_out(root: Path) -> None:
    message = r"`holdout` must be in 1\.\.29 of 30 images \(got 5000\); left out, it is 3"
    with pytest.raises(search.DataError, match=message):
        search.load_training_data(root, holdout=5000)


def test_the_split_has_a_seed_of_its_own(root: Path) -> None:
    data = search.load_training_data(root, holdout=6)
    same = search.load_training_data(root, holdout=6, holdout_seed=0)
    other = search.load_training_data(root, holdout=6, holdout_seed=1)
    assert held_out(data) == held_out(same) != held_out(other)


def test_corrupt_images_count_neither_way(root: Path) -> None:
    for index in range(10):
        (root / "train" / "bee" / f"{index:02d}.png").write_text("broken")
    data = search.load_training_data(root, skip_corrupt=True)
    assert (len(data.train), len(data.holdout), len(data.train.skipped)) == (18, 2, 10)
