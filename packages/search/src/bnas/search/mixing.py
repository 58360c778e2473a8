"""Mixup and cutmix: batches of images blended in pairs, with targets to match."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor


def mix(
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    source: torch.Generator,
    *,
    mixup_strength: float,
    cutmix_strength: float,
) -> tuple[Tensor, Tensor]:
    """Blend every image of a batch with another one of it.

    With both strengths > 0 a coin decides for the whole batch. The share of the first image is
    drawn from Beta(strength, strength).

    Args:
        images: float32 (N, 3, H, W).
        labels: int64 (N,), on the device of the images.
        num_classes: Length of a target.
        source: Decides, on the CPU; the same state gives the same batch.
        mixup_strength: Both parameters of mixup's Beta distribution; 0 for no mixup.
        cutmix_strength: The same of cutmix.

    Returns:
        Images (N, 3, H, W) and targets float32 (N, num_classes), whose rows sum to 1.

    References:
        Zhang et al., "mixup", ICLR 2018; Yun et al., "CutMix", ICCV 2019, Algorithm 1.
    """
    draws = np.random.default_rng(int(torch.randint(2**62, (1,), generator=source)))
    partner = torch.randperm(len(images), generator=source)
    partner = partner.to(images.device, non_blocking=True)
    cut = cutmix_strength > 0 and (mixup_strength == 0 or draws.random() < 0.5)
    strength = cutmix_strength if cut else mixup_strength
    kept = float(draws.beta(strength, strength)) if strength > 0 else 1.0
    if cut:
        images, kept = _paste(images, images[partner], kept, draws)
    else:
        images = kept * images + (1 - kept) * images[partner]
    targets = functional.one_hot(labels, num_classes).float()
    return images, kept * targets + (1 - kept) * targets[partner]


def _paste(
    images: Tensor, others: Tensor, kept: float, draws: np.random.Generator
) -> tuple[Tensor, float]:
    """Put a rectangle of `others` into `images`; returns them and the share of pixels kept."""
    height, width = images.shape[-2:]
    side = np.sqrt(1 - kept)
    row, column = int(draws.integers(height)), int(draws.integers(width))
    half_height, half_width = int(height * side) // 2, int(width * side) // 2
    top, bottom = max(row - half_height, 0), min(row + half_height, height)
    left, right = max(column - half_width, 0), min(column + half_width, width)
    images = images.clone()
    images[..., top:bottom, left:right] = others[..., top:bottom, left:right]
    return images, 1 - (bottom - top) * (right - left) / (height * width)
