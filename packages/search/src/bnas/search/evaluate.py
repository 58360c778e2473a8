"""Accuracy of a network."""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor, nn

from bnas.cells import Normalization
from bnas.search.augmentation import evaluation_batch
from bnas.search.errors import DataError, RecipeError
from bnas.search.image_set import ImageSet


@frozen
class Accuracy:
    """Share of images whose label is the first, or among the first five, of the logits.

    Attributes:
        top1: Percent.
        top5: Percent; 100 where there are at most five classes.
        images: Number of images.
    """

    top1: float
    top5: float
    images: int


@torch.no_grad()
def evaluate(
    network: nn.Module,
    images: ImageSet,
    normalization: Normalization,
    *,
    side: int | None = None,
    resize: int | None = None,
    batch_size: int = 250,
) -> Accuracy:
    """Return the accuracy of `network` in evaluation mode, in the precision of the network.

    There is no autocast here: a `bnas.cells.nn.Network` of float32 parameters computes in float32
    even where its recipe trains it in bfloat16, the fused engine in bfloat16.

    Args:
        network: Maps normalised float32 (N, 3, H, W) to logits (N, classes); put back into the mode
            in which it came, also if it fails.
        images: Images and labels.
        normalization: Statistics with which the network was trained.
        side: Height and width in pixels to which images are resized; None for their own.
        resize: Resize the shorter side to so many pixels and cut `side` pixels out of the centre;
            None to resize whole images. It belongs to `side`: see `Recipe.evaluation_resize_at`.
        batch_size: Images at once.

    Raises:
        DataError: There are no images.
        RecipeError: `resize` without a `side` or smaller than it, or `batch_size` below 1.
    """
    if not len(images):
        raise DataError("`images` must hold at least one image (got none)")
    if resize is not None and (side is None or resize < side):
        raise RecipeError(
            f"`resize` needs a `side` that is not larger (got resize={resize}, side={side})"
        )
    if batch_size < 1:
        raise RecipeError(f"`batch_size` must be an integer >= 1 (got {batch_size})")
    was_training = network.training
    network.eval()
    hits = torch.zeros(2, dtype=torch.int64, device=images.labels.device)
    try:
        for start in range(0, len(images), batch_size):
            pixels = images.images[start : start + batch_size]
            logits = network(evaluation_batch(pixels, normalization, side, resize))
            hits += _hits(logits, images.labels[start : start + batch_size])
    finally:
        network.train(was_training)
    first, among_five = hits.tolist()
    total = len(images)
    return Accuracy(100 * first / total, 100 * among_five / total, total)


def _hits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how often the label is first, and among the first five: int64 (2,)."""
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    return torch.stack([best[:, 0].sum(), best.sum()])
