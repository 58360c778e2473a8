"""Accuracy of a network."""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor, nn

from bnas.search.data import ImageSet, Normalization, prepare
from bnas.search.errors import DataError


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
    batch_size: int = 250,
) -> Accuracy:
    """Return the accuracy of `network` in evaluation mode, in float32.

    Args:
        network: Maps normalised float32 (N, 3, H, W) to logits (N, classes); left in the mode in
            which it came.
        images: Images and labels.
        normalization: Statistics with which the network was trained.
        side: Height and width in pixels to which images are resized; None for their own.
        batch_size: Images at once.

    Raises:
        DataError: There are no images.
    """
    if not len(images):
        raise DataError("`images` must hold at least one image (got none)")
    was_training = network.training
    network.eval()
    first = among_five = 0
    for start in range(0, len(images), batch_size):
        batch = prepare(images.images[start : start + batch_size], normalization, side)
        hits = _hits(network(batch), images.labels[start : start + batch_size])
        first += hits[0]
        among_five += hits[1]
    network.train(was_training)
    total = len(images)
    return Accuracy(100 * first / total, 100 * among_five / total, total)


def _hits(logits: Tensor, labels: Tensor) -> tuple[int, int]:
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    return int(best[:, 0].sum()), int(best.sum())
