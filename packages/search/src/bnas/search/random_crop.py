"""Random resized crops of whole batches, without a loop over images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

#: Width over height of a crop, smallest and largest, as in torchvision's RandomResizedCrop.
_RATIOS = (3 / 4, 4 / 3)
#: Draws before the whole image is taken, as near to these ratios as it can be.
_TRIES = 10


def draw_boxes(shape: Sequence[int], area: Sequence[float], source: torch.Generator) -> Tensor:
    """Draw a box for every image, distributed as torchvision's RandomResizedCrop draws it.

    Args:
        shape: (N, 3, H, W) of the images.
        area: Least and largest share of the area.
        source: On the CPU.

    Returns:
        float32 (N, 4): top, left, height, width in pixels, whole numbers, inside the image.
    """
    count, _, height, width = shape
    size = (count, _TRIES)
    share = torch.empty(size).uniform_(area[0], area[1], generator=source)
    low, high = (math.log(ratio) for ratio in _RATIOS)
    ratio = torch.empty(size).uniform_(low, high, generator=source).exp()
    pixels = share * height * width
    widths, heights = (pixels * ratio).sqrt().round(), (pixels / ratio).sqrt().round()
    fits = (widths >= 1) & (widths <= width) & (heights >= 1) & (heights <= height)
    first = fits.float().argmax(dim=1, keepdim=True)
    whole_width = min(width, round(height * _RATIOS[1]))
    whole_height = min(height, round(width / _RATIOS[0]))
    none = ~fits.any(dim=1)
    box_width = torch.where(none, float(whole_width), widths.gather(1, first)[:, 0])
    box_height = torch.where(none, float(whole_height), heights.gather(1, first)[:, 0])
    places = torch.rand((2, count), generator=source)
    top = (places[0] * (height - box_height + 1)).floor()
    left = (places[1] * (width - box_width + 1)).floor()
    top = torch.where(none, float((height - whole_height) // 2), top)
    left = torch.where(none, float((width - whole_width) // 2), left)
    return torch.stack([top, left, box_height, box_width], dim=1)


def resample(values: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Resize a box of every image to a square: bilinear with antialiasing.

    The filter is separable, so that it is two batched matrix products; the same numbers as cropping
    and `torch.nn.functional.interpolate(..., antialias=True)`, image by image.

    Args:
        values: float32 (N, 3, H, W).
        boxes: float32 (N, 4): top, left, height, width in pixels.
        side: Height and width S of the result in pixels.

    Returns:
        float32 (N, 3, S, S).
    """
    top, left, height, width = boxes.unbind(dim=1)
    rows = _filter(top, height, values.shape[-2], side)
    columns = _filter(left, width, values.shape[-1], side)
    return rows[:, None] @ values @ columns[:, None].transpose(2, 3)


def _filter(start: Tensor, length: Tensor, size: int, side: int) -> Tensor:
    """Return the weights (N, side, size) of pixels of a box in pixels of the result."""
    scale = (length / side)[:, None, None]
    index = torch.arange(side, device=start.device)[None, :, None]
    pixel = torch.arange(size, device=start.device)[None, None, :]
    first = start[:, None, None]
    centre = first + scale * (index + 0.5)
    weights = (1 - (pixel + 0.5 - centre).abs() / scale.clamp_min(1)).clamp_min(0)
    inside = (pixel >= first) & (pixel < first + length[:, None, None])
    weights = weights * inside
    return weights / weights.sum(dim=2, keepdim=True)
