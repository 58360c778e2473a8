"""From stored images to the inputs of a network, whole batches at once on their device.

Random numbers come from a generator on the CPU, so that a batch is a function of the seed, the
epoch and the step; only they, a few per image, travel to the device. They are sent without waiting
for it: CUDA copies from ordinary memory are staged before the call returns, so that the source may
be freed, and the host goes on to the next batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from attrs import field, frozen, validators
from torch import Tensor

from bnas.cells import Normalization
from bnas.search.color_jitter import jitter_colors
from bnas.search.errors import RecipeError
from bnas.search.random_crop import draw_boxes, resample
from bnas.search.recipe_fields import LARGEST_SIDE, flag, integer, numbers

#: Half a turn of the colour circle in either direction reaches every hue.
_LARGEST_HUE = 0.5


@frozen(kw_only=True)
class Augmentation:
    """How training images are varied.

    Attributes:
        crop_padding: Pixels of zeros around an image before the random crop; 0 for no crop.
        flip: Flip about half of the images horizontally.
        area: Least and largest share of the area of a random resized crop; None for none.
        color_jitter: Brightness, contrast, saturation, hue (<= 0.5); None for none.

    Raises:
        RecipeError: A field is outside its range, or there are both kinds of crop at once.
    """

    crop_padding: int = field(default=4, validator=integer(0, LARGEST_SIDE))
    flip: bool = field(default=True, validator=flag)
    area: tuple[float, ...] | None = field(
        default=None, validator=validators.optional(numbers(2, 1))
    )
    color_jitter: tuple[float, ...] | None = field(
        default=None, validator=validators.optional(numbers(4, 10))
    )

    def __attrs_post_init__(self) -> None:
        """Refuse two kinds of crop, shares in the wrong order and more than half a turn of hue."""
        if self.area and self.crop_padding:
            raise RecipeError(
                f"`crop_padding` must be 0 where `area` is given (got {self.crop_padding})"
            )
        if self.area and not 0 < self.area[0] <= self.area[1]:
            raise RecipeError(
                f"`area` must be a share > 0 and one that is not smaller (got {list(self.area)})"
            )
        if self.color_jitter and self.color_jitter[3] > _LARGEST_HUE:
            raise RecipeError(
                f"the hue of `color_jitter` must be <= {_LARGEST_HUE} (got {self.color_jitter[3]})"
            )


def training_batch(
    images: Tensor,
    source: torch.Generator,
    augmentation: Augmentation,
    normalization: Normalization,
    side: int | None,
) -> Tensor:
    """Return a batch as a network is trained on it.

    Args:
        images: uint8 (N, 3, H, W).
        source: On the CPU; the same state gives the same batch.
        augmentation: How images are varied.
        normalization: Mean and standard deviation per colour.
        side: Height and width S of the result in pixels; None for those of the images, or, where
            `augmentation` has an area, for squares of their width.

    Returns:
        float32 (N, 3, S, S), on the device of the images.
    """
    images = crop_and_flip(
        images, source, crop_padding=augmentation.crop_padding, flip=augmentation.flip
    )
    values = images.float() / 255
    if augmentation.area:
        boxes = draw_boxes(images.shape, augmentation.area, source)
        boxes = boxes.to(images.device, non_blocking=True)
        values = resample(values, boxes, side or images.shape[-1])
    values = resize(values, side)
    if augmentation.color_jitter:
        values = jitter_colors(values, augmentation.color_jitter, source)
    return normalise(values, normalization)


def evaluation_batch(
    images: Tensor,
    normalization: Normalization,
    side: int | None = None,
    resize_to: int | None = None,
) -> Tensor:
    """Return a batch as a network is measured on it.

    Args:
        images: uint8 (N, 3, H, W).
        normalization: Mean and standard deviation per colour.
        side: Height and width of the result in pixels; None to keep those of the images.
        resize_to: Resize the shorter side to so many pixels and cut the centre out, to the pixel as
            torchvision's Resize and CenterCrop do; None to resize the whole image.

    Returns:
        float32 (N, 3, H', W').
    """
    values = images.float() / 255
    if resize_to is not None and side is not None:
        height, width = values.shape[-2:]
        shorter = min(height, width)
        # Rounded down, and the places of the centre below half to even: both as torchvision does.
        size = tuple(max(resize_to * length // shorter, side) for length in (height, width))
        values = functional.interpolate(values, size, mode="bilinear", antialias=True)
        top, left = (round((length - side) / 2) for length in size)
        values = values[..., top : top + side, left : left + side]
    return normalise(resize(values, side), normalization)


def crop_and_flip(
    images: Tensor, source: torch.Generator, *, crop_padding: int = 4, flip: bool = True
) -> Tensor:
    """Crop at random out of zero-padded images, and flip about half of them horizontally.

    Args:
        images: uint8 (N, 3, H, W).
        source: Decides; the same state gives the same result.
        crop_padding: Pixels of zeros added on every side; 0 for no crop.
        flip: Whether to flip.

    Returns:
        uint8 (N, 3, H, W).
    """
    count, _, height, width = images.shape
    device = images.device
    rows, columns = (
        torch.arange(side, device=device).expand(count, -1) for side in (height, width)
    )
    if crop_padding:
        shifts = torch.randint(0, 2 * crop_padding + 1, (2, count, 1), generator=source)
        shifts = shifts.to(device, non_blocking=True)
        rows, columns = rows + shifts[0], columns + shifts[1]
        images = functional.pad(images, (crop_padding,) * 4)
    if flip:
        mirrored = torch.rand((count, 1), generator=source) < 0.5
        mirrored = mirrored.to(device, non_blocking=True)
        columns = torch.where(mirrored, columns.flip(1), columns)
    batch = torch.arange(count, device=device)[:, None, None]
    picked = images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).contiguous()


def resize(values: Tensor, side: int | None) -> Tensor:
    """Return float (N, 3, H, W) as squares of `side` pixels, bilinear with antialiasing."""
    if side is None or values.shape[-2:] == (side, side):
        return values
    return functional.interpolate(values, (side, side), mode="bilinear", antialias=True)


def normalise(values: Tensor, normalization: Normalization) -> Tensor:
    """Return float (N, 3, H, W) in 0..1 less the mean, divided by the standard deviation."""
    mean, std = (
        torch.tensor(part)[:, None, None].to(values.device, non_blocking=True)
        for part in (normalization.mean, normalization.std)
    )
    return (values - mean) / std
