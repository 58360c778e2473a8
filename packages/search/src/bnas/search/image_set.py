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

#: Of CIFAR-10 and its like; what networks of the template "cifar" are trained with.
CIFAR = NORMALIZATIONS["cifar"]
#: Of ImageNet; what networks of the template "imagenet" are trained with.
IMAGENET = NORMALIZATIONS["imagenet"]

#: Images that are held out unless told otherwise: so many, or a tenth of all where that is less.
_DEFAULT_HOLDOUT = 5000


@frozen(eq=False)
class ImageSet:
    """Images of one size with their labels; its length is their number.

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
        """Return some of the images, copied.

        Args:
            indices: int64 (M,).
        """
        return ImageSet(self.images[indices], self.labels[indices], self.classes)

    def sha256(self) -> str:
        """Return a hex digest of pixels, labels and class names."""
        digest = hashlib.sha256(repr((tuple(self.images.shape), self.classes)).encode())
        digest.update(self.images.cpu().contiguous().numpy().data)
        digest.update(self.labels.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def to(self, device: torch.device) -> ImageSet:
        """Return the same images in the memory of `device`."""
        return attrs.evolve(self, images=self.images.to(device), labels=self.labels.to(device))


@frozen(eq=False)
class TrainingData:
    """What a run may see: images to learn from, held-out images to choose by, no test images.

    Attributes:
        train: Images to learn from.
        holdout: Images to choose by, of the same size and classes.
        normalization: Mean and standard deviation per colour, of values in 0..1.
    """

    train: ImageSet
    holdout: ImageSet
    normalization: Normalization = CIFAR


def default_holdout(count: int) -> int:
    """Return how many of `count` images are held out by default: 5,000, or a tenth if less."""
    return min(_DEFAULT_HOLDOUT, max(count // 10, 1))


def split_holdout(
    images: ImageSet, holdout: int | None = None, holdout_seed: int = 0
) -> tuple[ImageSet, ImageSet]:
    """Split off images by a seeded permutation.

    The seed belongs to the split, not to a run: runs with other seeds are then compared on the same
    images, and a teacher has not learned from those that its student is measured on.

    Args:
        images: At least two.
        holdout: Number of images to hold out; None for `default_holdout` of them.
        holdout_seed: Of the permutation, >= 0.

    Returns:
        The rest, and the images that are held out; both in the order of the permutation.

    Raises:
        DataError: One of the two parts would be empty, or an argument is no integer of its range.
    """
    count = len(images)
    if count < 2:
        raise DataError(f"`images` must be at least two for one to be held out (got {count})")
    wanted = default_holdout(count) if holdout is None else holdout
    if not _is_integer(wanted) or not 0 < wanted < count:
        raise DataError(
            f"`holdout` must be in 1..{count - 1} of {count} images (got {wanted!r}); "
            f"left out, it is {default_holdout(count)}"
        )
    if not _is_integer(holdout_seed) or holdout_seed < 0:
        raise DataError(f"`holdout_seed` must be an integer >= 0 (got {holdout_seed!r})")
    order = torch.randperm(count, generator=generator(holdout_seed, "holdout"))
    return images.take(order[wanted:]), images.take(order[:wanted])


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
