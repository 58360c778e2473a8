from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bnas import search
from bnas.search.augmentation import crop_and_flip, evaluation_batch
from bnas.search.image_set import split_holdout
from bnas.search.randomness import generator

Coloured = Callable[[int, int], search.ImageSet]
IDENTITY = search.Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (6, 5)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two images, 6 pixels wide and 5 high."""
    for label, name in enumerate(("ape", "bee")):
        for index in range(2):
            picture(tmp_path / name / f"{index}.png", (100 * label, 10 * index, 3))
    return tmp_path


def test_reads_classes_and_files_in_sorted_order(folder: Path) -> None:
    images = search.read_images(folder)
    assert images.classes == ("ape", "bee")
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert images.images.shape == (4, 3, 5, 6)
    assert images.images[:, :, 2, 3].tolist() == [[0, 0, 3], [0, 10, 3], [100, 0, 3], [100, 10, 3]]


def test_grey_images_become_rgb(folder: Path) -> None:
    Image.new("L", (6, 5), 77).save(folder / "bee" / "1.png")
    assert search.read_images(folder).images[3, :, 0, 0].tolist() == [77, 77, 77]


def refused(folder: Path, message: str) -> search.DataError:
    with pytest.raises(search.DataError, match=message) as caught:
        search.read_images(folder)
    return caught.value


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    error = refused(tmp_path / "absent", r"must be a directory of classes \(got .*absent")
    assert error.path == tmp_path / "absent"


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "one folder of images a class")


def test_one_class_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "ape" / "0.png", (1, 2, 3))
    refused(tmp_path, r"at least two classes \(got \['ape'\]\)")


def test_a_class_without_images_is_named(folder: Path) -> None:
    (folder / "cat").mkdir()
    refused(folder, "cat")


def test_a_truncated_image_is_named(folder: Path) -> None:
    path = folder / "bee" / "0.png"
    path.write_bytes(path.read_bytes()[:40])
    assert refused(folder, "cannot be decoded").path == path


def test_a_file_that_is_no_image_is_named(folder: Path) -> None:
    path = folder / "ape" / "1.png"
    path.write_text("not an image")
    assert refused(folder, "cannot be decoded").path == path


def test_an_image_of_another_size_is_named(folder: Path) -> None:
    path = folder / "bee" / "1.png"
    picture(path, (0, 0, 0), size=(7, 5))
    first = re.escape(str(folder / "ape" / "0.png"))
    assert refused(folder, rf"1\.png must be 6x5 pixels like {first} \(got 7x5\)").path == path


def test_corrupt_images_are_left_out_only_when_asked(folder: Path) -> None:
    path = folder / "bee" / "0.png"
    path.write_bytes(path.read_bytes()[:40])
    seen: list[tuple[int, int]] = []
    images = search.read_images(folder, skip_corrupt=True, progress=lambda *done: seen.append(done))
    assert images.skipped == (path,)
    assert images.labels.tolist() == [0, 0, 1]
    assert images.images[:, :, 2, 3].tolist() == [[0, 0, 3], [0, 10, 3], [100, 10, 3]]
    assert seen[-1] == (4, 4)


def test_an_image_that_claims_to_be_huge_is_corrupt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert "cannot be decoded" in str(refused(folder, "exceeds limit"))


def test_a_class_of_corrupt_images_is_named(folder: Path) -> None:
    for path in (folder / "bee").iterdir():
        path.write_bytes(b"")
    with pytest.raises(search.DataError, match="holds no image that can be decoded") as caught:
        search.read_images(folder, skip_corrupt=True)
    assert caught.value.path == folder / "bee"


def test_many_images_keep_their_order(tmp_path: Path) -> None:
    for index in range(300):
        picture(tmp_path / ("a" if index < 150 else "b") / f"{index:03d}.png", (index % 256, 0, 0))
    seen: list[tuple[int, int]] = []
    images = search.read_images(tmp_path, progress=lambda *done: seen.append(done))
    assert images.images[:, 0, 0, 0].tolist() == [index % 256 for index in range(300)]
    assert len(seen) > 1
    assert seen == sorted(set(seen))
    assert seen[-1] == (300, 300)


def test_images_move_to_a_device(coloured: Coloured) -> None:
    images = coloured(4, 0)
    moved = images.to(torch.device("cpu"))
    assert torch.equal(moved.images, images.images)
    assert torch.equal(moved.labels, images.labels)
    assert moved.classes == images.classes


def test_training_data_never_opens_the_test_images(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("ape", "bee"):
        for index in range(3):
            picture(root / "train" / name / f"{index}.png", (index, 0, 0))
        (root / "test" / name).mkdir(parents=True)
        (root / "test" / name / "0.png").write_text("broken")
    data = search.load_training_data(root, holdout=2, holdout_seed=3)
    assert (len(data.train), len(data.holdout)) == (4, 2)


@given(holdout=st.integers(1, 39), seed=st.integers(0, 1000))
def test_the_split_is_a_seeded_partition(holdout: int, seed: int) -> None:
    pixels = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 1, 1)
    images = search.ImageSet(pixels, torch.arange(40) % 2, ("a", "b"))
    rest, held_out = split_holdout(images, holdout, seed)
    again = split_holdout(images, holdout, seed)[1]
    assert len(held_out) == holdout
    assert torch.equal(held_out.images, again.images)
    both = torch.cat([rest.images, held_out.images])[:, 0, 0, 0]
    assert sorted(both.tolist()) == list(range(40))
    assert torch.equal(torch.cat([rest.labels, held_out.labels]), both.long() % 2)


@pytest.mark.parametrize("holdout", [0, 20, -1])
def test_neither_part_may_be_empty(holdout: int, coloured: Coloured) -> None:
    with pytest.raises(search.DataError, match=r"must be in 1\.\.19"):
        split_holdout(coloured(20, 0), holdout, 0)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64), "uint8"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), "3, H, W"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), r"\(2,\)"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2), "int64"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 2]), r"0\.\.1 \(got 0\.\.2"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    images: torch.Tensor, labels: torch.Tensor, message: str
) -> None:
    with pytest.raises(search.DataError, match=message):
        search.ImageSet(images, labels, ("a", "b"))


def test_the_digest_sees_pixels_labels_and_names(coloured: Coloured) -> None:
    images = coloured(4, 0)
    brighter = images.images.clone()
    brighter[3, 2, 7, 7] += 1
    others = [
        search.ImageSet(brighter, images.labels, images.classes),
        search.ImageSet(images.images, 1 - images.labels, images.classes),
        search.ImageSet(images.images, images.labels, ("red", "green")),
    ]
    assert images.sha256() == images.take(torch.arange(4)).sha256()
    assert len({images.sha256(), *(other.sha256() for other in others)}) == 4


def test_augmentation_is_a_function_of_its_generator(coloured: Coloured) -> None:
    images = coloured(20, 0).images
    first, second, other = (
        crop_and_flip(images, generator(7, "augment", 0, step)) for step in (3, 3, 4)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@given(padding=st.integers(0, 3), flip=st.booleans(), seed=st.integers(0, 1000))
def test_every_augmented_image_is_a_crop_of_its_own(padding: int, flip: bool, seed: int) -> None:
    images = torch.randint(1, 256, (6, 3, 4, 5), generator=generator(seed, "x")).to(torch.uint8)
    result = crop_and_flip(images, generator(seed, "y"), crop_padding=padding, flip=flip)
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    for image, source in zip(result, padded, strict=True):
        crops = [
            source[:, row : row + 4, column : column + 5]
            for row in range(2 * padding + 1)
            for column in range(2 * padding + 1)
        ]
        candidates = crops + [crop.flip(2) for crop in crops if flip]
        assert any(torch.equal(image, candidate) for candidate in candidates)


def test_crops_and_flips_take_every_value() -> None:
    images = torch.arange(1, 10, dtype=torch.uint8).reshape(1, 1, 3, 3).expand(400, 3, 3, 3)
    flips = crop_and_flip(images, generator(0), crop_padding=0)
    mirrored = (flips[:, 0, 0, 0] == 3).sum()
    assert 150 < mirrored < 250
    crops = crop_and_flip(images, generator(0), crop_padding=1, flip=False)
    assert len({tuple(image.flatten().tolist()) for image in crops}) == 9


def test_prepare_normalises() -> None:
    images = torch.tensor([0, 255, 51], dtype=torch.uint8).reshape(1, 3, 1, 1)
    normalization = search.Normalization((0.5, 0.5, 0.1), (0.5, 0.25, 0.1))
    expected = torch.tensor([-1.0, 2.0, 1.0])
    assert torch.allclose(evaluation_batch(images, normalization).flatten(), expected)


def test_prepare_resizes_without_changing_a_constant() -> None:
    images = torch.full((2, 3, 9, 9), 51, dtype=torch.uint8)
    small = evaluation_batch(images, IDENTITY, side=4)
    assert small.shape == (2, 3, 4, 4)
    assert torch.allclose(small, torch.tensor(0.2))


def test_streams_differ_by_every_part_of_their_purpose() -> None:
    parts = [(0,), (1,), (0, "order"), (0, "order", 1), (0, "augment", 1), (0, "augment", 1, 0)]
    draws = {float(torch.rand(1, generator=generator(*part))) for part in parts}
    assert len(draws) == len(parts)
