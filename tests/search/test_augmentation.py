from __future__ import annotations

import hashlib

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from bnas import search
from bnas.search.augmentation import Augmentation, evaluation_batch, training_batch
from bnas.search.color_jitter import (
    change_brightness,
    change_contrast,
    change_hue,
    change_saturation,
    jitter_colors,
)
from bnas.search.random_crop import draw_boxes, resample
from bnas.search.randomness import generator
from bnas.search.vision import torchvision

IDENTITY = search.Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def pictures(count: int, height: int = 16, width: int = 16, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    shape = (count, 3, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)


def test_the_batches_of_older_runs_stay_as_they_were() -> None:
    """A run that is resumed after an update must meet the images that it would have met."""
    batch = training_batch(
        pictures(8, 32, 32), generator(7, "augment", 1, 2), Augmentation(), search.CIFAR, 24
    )
    rounded = batch.mul(1000).round().int().numpy().tobytes()
    assert hashlib.sha256(rounded).hexdigest()[:16] == "ba0e9927bda0838f"


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(),
        Augmentation(crop_padding=0, flip=False),
        Augmentation(crop_padding=0, area=(0.08, 1.0), color_jitter=(0.4, 0.4, 0.4, 0.2)),
    ],
)
def test_a_batch_is_a_function_of_its_generator(augmentation: Augmentation) -> None:
    images = pictures(6)
    first, second, other = (
        training_batch(images, generator(1, "augment", step), augmentation, IDENTITY, 12)
        for step in (3, 3, 4)
    )
    assert first.shape == (6, 3, 12, 12)
    assert torch.equal(first, second)
    varied = augmentation.flip or augmentation.area is not None
    assert torch.equal(first, other) != varied


def test_two_kinds_of_crop_are_refused() -> None:
    with pytest.raises(search.RecipeError, match="`crop_padding` must be 0"):
        Augmentation(area=(0.1, 1.0))


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(4, 20),
    width=st.integers(4, 20),
    side=st.integers(1, 24),
    seed=st.integers(0, 100),
)
def test_resampling_is_cropping_and_interpolating(
    height: int, width: int, side: int, seed: int
) -> None:
    values = pictures(3, height, width, seed).float() / 255
    boxes = draw_boxes(values.shape, (0.1, 1.0), generator(seed, "boxes"))
    found = resample(values, boxes, side)
    for image, box, result in zip(values, boxes.int().tolist(), found, strict=True):
        top, left, tall, wide = box
        assert 0 <= top <= top + tall <= height and 0 <= left <= left + wide <= width
        assert tall >= 1 and wide >= 1
        crop = image[None, :, top : top + tall, left : left + wide]
        expected = functional.interpolate(crop, (side, side), mode="bilinear", antialias=True)[0]
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def test_boxes_are_distributed_as_torchvision_draws_them() -> None:
    boxes = draw_boxes((4000, 3, 40, 60), (0.08, 1.0), generator(0, "boxes"))
    draw = torchvision().transforms.RandomResizedCrop.get_params
    torch.manual_seed(0)
    image = torch.empty(3, 40, 60)
    theirs = torch.tensor([draw(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)]).float()
    torch.testing.assert_close(boxes.mean(dim=0), theirs.mean(dim=0), rtol=0.05, atol=0.3)
    torch.testing.assert_close(boxes.std(dim=0), theirs.std(dim=0), rtol=0.05, atol=0.3)


def test_a_box_that_never_fits_is_the_whole_image() -> None:
    boxes = draw_boxes((5, 3, 2, 40), (0.9, 1.0), generator(0, "boxes"))
    assert boxes.tolist() == [[0.0, 18.0, 2.0, 3.0]] * 5


@pytest.mark.parametrize(
    ("ours", "theirs", "factor"),
    [
        (change_brightness, "adjust_brightness", 1.3),
        (change_brightness, "adjust_brightness", 0.6),
        (change_contrast, "adjust_contrast", 1.4),
        (change_saturation, "adjust_saturation", 0.3),
        (change_saturation, "adjust_saturation", 1.7),
        (change_hue, "adjust_hue", 0.2),
        (change_hue, "adjust_hue", -0.45),
        (change_hue, "adjust_hue", 0.0),
    ],
)
def test_colour_operations_are_torchvision_s(ours: object, theirs: str, factor: float) -> None:
    values = pictures(4).float() / 255
    values[0] = 0.5  # grey has no hue
    values[1, 0] = 0.0
    expected = getattr(torchvision().transforms.functional, theirs)(values, factor)
    found = ours(values, torch.full((4, 1, 1, 1), factor))  # type: ignore[operator]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_every_image_has_a_factor_of_its_own() -> None:
    values = torch.full((50, 3, 2, 2), 0.5)
    found = jitter_colors(values, (0.4, 0.0, 0.0, 0.0), generator(0, "jitter"))[:, 0, 0, 0]
    assert len(found.unique()) == 50
    assert 0.3 <= float(found.min()) < 0.35 and 0.65 < float(found.max()) <= 0.7
    assert torch.equal(jitter_colors(values, (0.0,) * 4, generator(0, "jitter")), values)


def test_evaluation_takes_the_centre_of_a_resized_image() -> None:
    images = pictures(2, 20, 30)
    transforms = torchvision().transforms.functional
    values = images.float() / 255
    resized = transforms.resize(values, 16, antialias=True)
    expected = transforms.center_crop(resized, [14, 14])
    found = evaluation_batch(images, IDENTITY, 14, 16)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    whole = evaluation_batch(images, IDENTITY, 14)
    assert whole.shape == (2, 3, 14, 14)
    assert not torch.allclose(whole, found)
