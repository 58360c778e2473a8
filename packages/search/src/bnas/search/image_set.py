"""`ImageSet`: images of one size in memory, with their labels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import attrs
import torch
from attrs import frozen
from torch import Tensor

from bnas.cells import NORMALIZATIONS, Normalization
from bnas.search.errors import DataError
from bnas.search.randomness import generator

CIFAR = NORMALIZATIONS["cifar"]
IMAGENET = NORMALIZATIONS["imagenet"]


@frozen(eq=False)
class ImageSet:
    """Images of one size with their labels.

    Attributes:
        images: uint8 (N, 3, H, W), RGB.
        labels: int64 (N,), indices into `classes`.
        classes: Names of the classes.
        skipped: Files that were left out because they cannot be decoded.

    Raises:
        DataError: The tensors have another dtype or shape, or do not fit together.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    skipped: tuple[Path, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Check dtypes, shapes and the range of the labels."""
        if self.images.dtype != torch.uint8 or self.images.ndim != 4 or self.images.shape[1] != 3:
            raise DataError(
                "`images` must be uint8 of shape (N, 3, H, W) "
                f"(got {self.images.dtype}, {tuple(self.images.shape)})"
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise DataError(
                f"`labels` must be int64 of shape ({len(self.images)},) "
                f"(got {self.labels.dtype}, {tuple(self.labels.shape)})"
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise DataError(
                f"`labels` must be in 0..{len(self.classes) - 1} "
                f"(got {int(self.labels.min())}..{int(self.labels.max())})"
            )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def take(self, indices: Tensor) -> ImageSet:
        """Return the images at int64 `indices` (M,), copied."""
        return ImageSet(self.images[indices], self.labels[indices], self.classes)

    def sha256(self) -> str:
        """Return a hex digest of pixels, labels and class names."""
        digest = hashlib.sha256(repr((tuple(self.images.shape), self.classes)).encode())
        digest.update(self.images.cpu().contiguous().numpy())
        digest.update(self.labels.cpu().contiguous().numpy())
        return digest.hexdigest()

    def to(self, device: torch.device) -> ImageSet:
        """Return the same images in the memory of `device`."""
        return attrs.evolve(self, images=self.images.to(device), labels=self.labels.to(device))


@frozen(eq=False)
class TrainingData:
    """What a run may see: images to learn from, held-out images to choose by, no test images."""

    train: ImageSet
    holdout: ImageSet
    normalization: Normalization = CIFAR


def split_holdout(images: ImageSet, holdout: int, seed: int) -> tuple[ImageSet, ImageSet]:
    """Split off `holdout` images by a seeded permutation; returns (rest, held out).

    Raises:
        DataError: One of the two parts would be empty.
    """
    if not 0 < holdout < len(images):
        raise DataError(f"`holdout` must be in 1..{len(images) - 1} (got {holdout})")
    order = torch.randperm(len(images), generator=generator(seed, "holdout"))
    return images.take(order[holdout:]), images.take(order[:holdout])
