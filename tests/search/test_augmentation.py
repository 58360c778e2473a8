from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from bnas import search
from bnas.search.augmentation import (
    Augmentation,
    crop_and_flip,
    evaluation_batch,
    training_batch,
)
from bnas.search.color_jitter import (
    change_brightness,
    change_contrast,
    change_hue,
    change_saturation,
    jitter_colors,
)
from bnas.search.mixing import mix
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


def sha256(values: torch.Tensor) -> str:
    return hashlib.sha256(values.numpy().tobytes()).hexdigest()[:16]


def test_crops_and_draws_of_older_runs_stay_to_the_bit() -> None:
    """Digests are those of the first release of the trainer; no resizing, so exact anywhere."""
    source = generator(7, "augment", 1, 2)
    assert sha256(crop_and_flip(pictures(8, 32, 32), source)) == "19c76378a301d16f"
    assert int(torch.randint(2**40, (1,), generator=source)) == 765356808917
    again = generator(7, "augment", 1, 2)
    batch = training_batch(pictures(8, 32, 32), again, Augmentation(), search.CIFAR, None)
    assert sha256(batch) == "961784a9fcb44c2e"
    assert int(torch.randint(2**40, (1,), generator=again)) == 765356808917


class Copies(TorchDispatchMode):
    """Records whether copies from the CPU to another device let the host go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on: list[bool] = []

    def __torch_dispatch__(
        self,
        operation: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        if operation is torch.ops.aten._to_copy.default and args[0].device != result.device:
            self.go_on.append(bool((kwargs or {}).get("non_blocking")))
        return result


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(),
        Augmentation(crop_padding=0, area=(0.1, 1.0)),
        Augmentation(color_jitter=(0.4, 0.4, 0.4, 0.2)),
    ],
)
def test_nothing_waits_for_the_device(augmentation: Augmentation) -> None:
    """A meta tensor has no values, so that reading one back on the host would fail too."""
    images = pictures(6).to("meta")
    labels = torch.zeros(6, dtype=torch.int64, device="meta")
    with Copies() as copies:
        batch = training_batch(images, generator(0, "x"), augmentation, IDENTITY, 12)
        mixed, targets = mix(
            batch, labels, 3, generator(0, "y"), mixup_strength=0.0, cutmix_strength=1.0
        )
        evaluation_batch(images, IDENTITY, 12, 14)
    assert {each.device.type for each in (batch, mixed, targets)} == {"meta"}
    # Which are mirrored, mean and standard deviation twice, mixing partners; the places of crops or
    # boxes; of the colour operations four factors, two times the weights of grey, and the places of
    # the hues.
    jittered = augmentation.color_jitter is not None
    assert copies.go_on == [True] * (7 + 7 * jittered)


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


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"area": (0.1, 1.0)}, "`crop_padding` must be 0"),
        ({"crop_padding": -1}, "`crop_padding` must be an integer >= 0"),
        ({"crop_padding": 2.0}, "`crop_padding` must be an integer"),
        ({"flip": 1}, "`flip` must be true or false"),
        ({"crop_padding": 0, "area": (0.9, 0.1)}, r"not smaller \(got \[0\.9, 0\.1\]\)"),
        ({"crop_padding": 0, "area": (0.0, 1.0)}, "a share > 0"),
        ({"crop_padding": 0, "area": (0.1, 1.1)}, "`area` must be empty or 2 numbers"),
        ({"crop_padding": 0, "area": (0.1,)}, "`area` must be empty or 2 numbers"),
        ({"color_jitter": (0.4, 0.4, 0.4)}, "`color_jitter` must be empty or 4 numbers"),
        ({"color_jitter": (-0.1, 0.4, 0.4, 0.1)}, "`color_jitter` must be empty or 4 numbers"),
        ({"color_jitter": (0.4, 0.4, 0.4, 0.6)}, r"must be <= 0\.5 \(got 0\.6\)"),
    ],
)
def test_fields_outside_their_range_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(search.RecipeError, match=message):
        Augmentation(**fields)


def test_the_ends_of_every_range_are_allowed() -> None:
    fixed = Augmentation(crop_padding=0, area=(1.0, 1.0), color_jitter=(0.0, 10, 0.0, 0.5))
    batch = training_batch(pictures(4), generator(0, "x"), fixed, IDENTITY, 8)
    assert batch.shape == (4, 3, 8, 8)
    assert float(batch.min()) >= 0 and float(batch.max()) <= 1


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
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


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
        (change_contrast, "adjust_contrast", 0.6),
        (change_saturation, "adjust_saturation", 0.3),
        (change_saturation, "adjust_saturation", 1.7),
        (change_hue, "adjust_hue", 0.2),
        (change_hue, "adjust_hue", -0.45),
        (change_hue, "adjust_hue", 0.0),
    ],
)
def test_colour_operations_are_torchvision_s(
    ours: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], theirs: str, factor: float
) -> None:
    values = pictures(6).float() / 255
    values[0] = 0.5  # grey has no hue
    values[1, 0] = 0.0
    values[2], values[3] = 0.0, 1.0
    expected = getattr(torchvision().transforms.functional, theirs)(values, factor)
    found = ours(values, torch.full((6, 1, 1, 1), factor))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_every_image_has_a_factor_of_its_own() -> None:
    values = torch.full((50, 3, 2, 2), 0.5)
    found = jitter_colors(values, (0.4, 0.0, 0.0, 0.0), generator(0, "jitter"))[:, 0, 0, 0]
    assert len(found.unique()) == 50
    assert 0.3 <= float(found.min()) < 0.35 and 0.65 < float(found.max()) <= 0.7
    assert torch.equal(jitter_colors(values, (0.0,) * 4, generator(0, "jitter")), values)


@settings(deadline=None, max_examples=60)
@given(height=st.integers(14, 44), width=st.integers(14, 44), resize_to=st.integers(14, 22))
@example(height=20, width=23, resize_to=18)  # 20.7 pixels wide
@example(height=20, width=20, resize_to=17)  # the centre begins at 1.5
@example(height=20, width=30, resize_to=16)
def test_evaluation_takes_the_centre_as_torchvision_does(
    height: int, width: int, resize_to: int
) -> None:
    images = pictures(1, height, width)
    transforms = torchvision().transforms.functional
    values = images.float() / 255
    resized = transforms.resize(values, resize_to, antialias=True)
    expected = transforms.center_crop(resized, [14, 14])
    found = evaluation_batch(images, IDENTITY, 14, resize_to)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_evaluation_without_a_centre_takes_the_whole_image() -> None:
    images = pictures(2, 20, 30)
    expected = torchvision().transforms.functional.resize(
        images.float() / 255, [14, 14], antialias=True
    )
    whole = evaluation_batch(images, IDENTITY, 14)
    torch.testing.assert_close(whole, expected, rtol=0, atol=1e-5)
