"""Colour jitter of whole batches: torchvision's operations, a factor for each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

#: Share of red, green and blue in the grey of a pixel (ITU-R 601).
_GREY = (0.2989, 0.587, 0.114)


def jitter_colors(values: Tensor, strengths: Sequence[float], source: torch.Generator) -> Tensor:
    """Change brightness, contrast, saturation and hue, in an order drawn for the batch.

    Args:
        values: float32 (N, 3, H, W) in 0..1.
        strengths: Of brightness, contrast, saturation (factors from max(0, 1 - s) to 1 + s) and hue
            (a turn of the colour circle by -s to s, s <= 0.5).
        source: On the CPU.

    Returns:
        float32 (N, 3, H, W) in 0..1.
    """
    count = len(values)
    draws = torch.rand((4, count), generator=source)
    for operation in torch.randperm(4, generator=source).tolist():
        strength = strengths[operation]
        if not strength:
            continue
        low, high = max(0.0, 1 - strength), 1 + strength
        if operation == 3:
            low, high = -strength, strength
        factors = (low + (high - low) * draws[operation]).to(values.device, non_blocking=True)
        values = _OPERATIONS[operation](values, factors[:, None, None, None])
    return values


def change_brightness(values: Tensor, factors: Tensor) -> Tensor:
    """Return (N, 3, H, W) times factors (N, 1, 1, 1), within 0..1."""
    return (values * factors).clamp(0, 1)


def change_contrast(values: Tensor, factors: Tensor) -> Tensor:
    """Blend images (N, 3, H, W) with their mean grey."""
    mean = _grey(values).mean(dim=(1, 2, 3), keepdim=True)
    return _blend(values, mean, factors)


def change_saturation(values: Tensor, factors: Tensor) -> Tensor:
    """Blend images (N, 3, H, W) with their grey."""
    return _blend(values, _grey(values), factors)


def change_hue(values: Tensor, factors: Tensor) -> Tensor:
    """Turn the hue of images (N, 3, H, W) by factors (N, 1, 1, 1), 1 being the whole circle."""
    largest, which = values.max(dim=1, keepdim=True)
    spread = largest - values.amin(dim=1, keepdim=True)
    divisor = torch.where(spread == 0, 1.0, spread)
    red, green, blue = values.split(1, dim=1)
    sextant = torch.where(
        which == 0,
        (green - blue) / divisor,
        torch.where(which == 1, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = (sextant / 6 + factors) % 1.0
    saturation = torch.where(largest == 0, 0.0, spread / torch.where(largest == 0, 1.0, largest))
    # A colour of full value at hue h is 1 - |clamp(distance to red, green, blue)|, in sixths.
    shifts = torch.tensor([5.0, 3.0, 1.0])[None, :, None, None]
    k = (shifts.to(values.device, non_blocking=True) + hue * 6) % 6
    return largest * (1 - saturation * torch.minimum(k, 4 - k).clamp(0, 1))


def _grey(values: Tensor) -> Tensor:
    weights = torch.tensor(_GREY)[None, :, None, None].to(values.device, non_blocking=True)
    return (values * weights).sum(dim=1, keepdim=True)


def _blend(values: Tensor, other: Tensor, factors: Tensor) -> Tensor:
    return (factors * values + (1 - factors) * other).clamp(0, 1)


_OPERATIONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    change_brightness,
    change_contrast,
    change_saturation,
    change_hue,
)
