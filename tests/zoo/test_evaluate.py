from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bnas import zoo
from bnas.zoo.evaluate import Evaluation, EvaluationError, evaluate

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class Brightest:
    """A network whose class is the brightest of red, green and blue, in that order."""

    spec = SimpleNamespace(num_classes=3)
    preprocessing = zoo.Preprocessing(size=4, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))

    def __init__(self, *class_names: str) -> None:
        self.card = SimpleNamespace(class_names=class_names) if class_names else None
        self.batches: list[int] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.batches.append(len(images))
        return images.mean(axis=(2, 3))


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[dict[str, Iterable[str]]], Path]:
    """Make folders of photos: name of a folder -> the colour of each of its photos."""

    def make(content: dict[str, Iterable[str]]) -> Path:
        for folder, colours in content.items():
            (tmp_path / folder).mkdir(parents=True)
            for index, colour in enumerate(colours):
                photo = Image.new("RGB", (6, 5), COLOURS[colour])
                photo.save(tmp_path / folder / f"{index}.png")
        return tmp_path

    return make


def test_accuracy_is_the_share_of_right_answers(folders: Callable[..., Path]) -> None:
    root = folders({"red": ["red", "red", "blue"], "green": ["green"], "blue": ["blue", "red"]})
    network = Brightest("red", "green", "blue")
    result = evaluate(network, root)
    assert (result.images, result.top5) == (6, 100.0)
    assert result.top1 == pytest.approx(100 * 4 / 6)
    assert result.seconds > 0
    assert result.images_per_s == pytest.approx(6 / result.seconds)


def test_folders_are_matched_by_name_not_by_order(folders: Callable[..., Path]) -> None:
    root = folders({"blue": ["blue"], "red": ["red"]})
    assert evaluate(Brightest("red", "green", "blue"), root).top1 == 100


def test_without_names_folders_count_in_alphabetical_order(folders: Callable[..., Path]) -> None:
    root = folders({"c": ["blue"], "a": ["red"], "b": ["green", "red"]})
    assert evaluate(Brightest(), root).top1 == 75


def test_the_answers_are_those_of_predict(small_network: zoo.PackedNetwork, tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    places = []
    for label in range(10):
        (tmp_path / str(label)).mkdir()
        path = tmp_path / str(label) / "photo.png"
        Image.fromarray(source.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
        places.append([each.index for each in small_network.predict(path, top=10)].index(label))
    result = evaluate(small_network, tmp_path, batch_size=3)
    assert result.top1 == 10 * sum(place == 0 for place in places)
    assert result.top5 == 10 * sum(place < 5 for place in places)
    assert 0 < result.top5 < 100


def test_photos_stream_in_batches(folders: Callable[..., Path]) -> None:
    root = folders({"red": ["red"] * 5, "blue": ["blue"] * 2})
    network, seen = Brightest("red", "green", "blue"), []
    evaluate(network, root, batch_size=3, progress=lambda now, total: seen.append((now, total)))
    # One photo comes before, so that kernels are there when the clock starts.
    assert network.batches == [1, 3, 3, 1]
    assert [(now.images, total) for now, total in seen] == [(3, 7), (6, 7), (7, 7)]
    assert all(isinstance(now, Evaluation) and now.top1 == 100 for now, _ in seen)


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (4, 4), (10, 10), (11, 10)])
def test_a_limit_takes_photos_of_every_class(
    folders: Callable[..., Path], limit: int, expected: int
) -> None:
    root = folders({"red": ["red"] * 5, "blue": ["green"] * 5})
    result = evaluate(Brightest("red", "green", "blue"), root, limit=limit)
    assert result.images == expected
    assert limit == 1 or result.top1 == 50


def test_equal_logits_count_as_the_first_class(folders: Callable[..., Path]) -> None:
    root = folders({"red": ["red"], "green": ["red"]})
    Image.new("RGB", (4, 4), "white").save(root / "red" / "white.png")
    Image.new("RGB", (4, 4), "white").save(root / "green" / "white.png")
    assert evaluate(Brightest("red", "green", "blue"), root).top1 == 50


def test_photos_lie_at_any_depth_and_other_files_are_passed_over(
    folders: Callable[..., Path],
) -> None:
    root = folders({"red/deep/er": ["red"], "blue": ["blue"], ".cache": ["red"]})
    (root / "red" / "notes.txt").write_text("no photo")
    (root / "red" / "._0.png").write_text("no photo")
    (root / "words.txt").write_text("no folder")
    assert evaluate(Brightest("red", "green", "blue"), root).images == 2


def refused(network: Any, root: Path, **options: Any) -> str:
    with pytest.raises(EvaluationError) as caught:
        evaluate(network, root, **options)
    return str(caught.value)


def test_missing_and_empty_directories_are_named(folders: Callable[..., Path]) -> None:
    root = folders({"red": ["red"], "blue": []})
    network = Brightest("red", "green", "blue")
    assert "does not exist" in refused(network, root / "none")
    assert "is a file" in refused(network, root / "red" / "0.png")
    assert "one folder of photos a class (got no folder)" in refused(network, root / "blue")
    assert repr(str(root / "blue")) in refused(network, root)


def test_folders_that_are_no_classes_are_listed(folders: Callable[..., Path]) -> None:
    root = folders({"red": ["red"], "pink": ["red"]})
    with pytest.raises(EvaluationError, match="'pink'; allowed: 'red', 'green', 'blue'") as caught:
        evaluate(Brightest("red", "green", "blue"), root)
    assert caught.value.unknown == ("pink",)
    assert "each of the network's 3 classes" in refused(Brightest(), root)


def test_a_damaged_photo_is_named(folders: Callable[..., Path]) -> None:
    root = folders({"red": ["red", "red"]})
    (root / "red" / "1.png").write_bytes(b"no photo")
    with pytest.raises(zoo.ImageError, match=r"1\.png"):
        evaluate(Brightest("red", "green", "blue"), root)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"limit": 0}, {"limit": True}])
def test_sizes_are_at_least_one(folders: Callable[..., Path], options: dict[str, int]) -> None:
    root = folders({"red": ["red"]})
    assert "must be an integer >= 1" in refused(Brightest("red", "green", "blue"), root, **options)
