"""Images in memory: read from a directory, split, augmented and normalised as whole tensors.

An epoch's order and every random crop are functions of the seed, the epoch and the step. Nothing
has to be remembered to resume in the middle of an epoch.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from attrs import frozen
from torch import Tensor

from bnas.cells import NORMALIZATIONS, Normalization
from bnas.search.errors import DataError
from bnas.search.vision import torchvision

CIFAR = NORMALIZATIONS["cifar"]
IMAGENET = NORMALIZATIONS["imagenet"]


@frozen(eq=False)
class ImageSet:
    """Images of one size with their labels.

    Attributes:
        images: uint8 (N, 3, H, W), RGB.
        labels: int64 (N,), indices into `classes`.
        classes: Names of the classes.

    Raises:
        DataError: The tensors have another dtype or shape, or do not fit together.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

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
        digest.update(self.images.contiguous().numpy())
        digest.update(self.labels.contiguous().numpy())
        return digest.hexdigest()


@frozen(eq=False)
class TrainingData:
    """What a run may see: images to learn from, held-out images to choose by, no test images."""

    train: ImageSet
    holdout: ImageSet
    normalization: Normalization = CIFAR


def read_images(directory: str | Path) -> ImageSet:
    """Decode ``directory/<class>/<image>`` into memory, classes and files in sorted order.

    Args:
        directory: For instance the ``train`` folder of CIFAR-10: 50,000 images in 150 MB.

    Raises:
        DataError: No such directory, fewer than two classes, a class without images, an image that
            cannot be decoded or has another size than the first; the path is named.
    """
    root = Path(directory)
    if not root.is_dir():
        raise DataError(f"`directory` must be a directory of classes (got {root})", root)
    try:
        folder = torchvision().datasets.ImageFolder(str(root))
    except FileNotFoundError as error:
        raise DataError(f"{root} must hold one folder of images a class ({error})", root) from error
    if len(folder.classes) < 2:
        raise DataError(f"{root} must hold at least two classes (got {folder.classes})", root)
    first = _decode(folder, 0)
    images = torch.empty((len(folder), *first.shape), dtype=torch.uint8)
    for index in range(len(folder)):
        image = _decode(folder, index)
        if image.shape != first.shape:
            path = Path(folder.samples[index][0])
            raise DataError(
                f"{path} must be {first.shape[2]}x{first.shape[1]} pixels like the other images "
                f"(got {image.shape[2]}x{image.shape[1]})",
                path,
            )
        images[index] = image
    return ImageSet(images, torch.tensor(folder.targets), tuple(folder.classes))


def split_holdout(images: ImageSet, holdout: int, seed: int) -> tuple[ImageSet, ImageSet]:
    """Split off `holdout` images by a seeded permutation; returns (rest, held out).

    Raises:
        DataError: One of the two parts would be empty.
    """
    if not 0 < holdout < len(images):
        raise DataError(f"`holdout` must be in 1..{len(images) - 1} (got {holdout})")
    order = torch.randperm(len(images), generator=generator(seed, "holdout"))
    return images.take(order[holdout:]), images.take(order[:holdout])


def load_training_data(
    root: str | Path,
    *,
    holdout: int = 5000,
    seed: int = 0,
    normalization: Normalization = CIFAR,
) -> TrainingData:
    """Read ``root/train`` and hold out some of it; ``root/test`` is not touched.

    Args:
        root: Directory with a folder ``train`` of one folder a class.
        holdout: Number of images to hold out.
        seed: Of the choice of the held-out images.
        normalization: Statistics of the images.

    Raises:
        DataError: See `read_images` and `split_holdout`.
    """
    train, held_out = split_holdout(read_images(Path(root) / "train"), holdout, seed)
    return TrainingData(train, held_out, normalization)


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a generator whose stream depends on the seed and on every part of `purpose`."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def augment(
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
    rows, columns = torch.arange(height).expand(count, -1), torch.arange(width).expand(count, -1)
    if crop_padding:
        shifts = torch.randint(0, 2 * crop_padding + 1, (2, count, 1), generator=source)
        rows, columns = rows + shifts[0], columns + shifts[1]
        images = functional.pad(images, (crop_padding,) * 4)
    if flip:
        mirrored = torch.rand((count, 1), generator=source) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    batch = torch.arange(count)[:, None, None]
    picked = images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).contiguous()


def prepare(images: Tensor, normalization: Normalization, side: int | None = None) -> Tensor:
    """Normalise uint8 images and resize them.

    Args:
        images: uint8 (N, 3, H, W).
        normalization: Mean and standard deviation per colour.
        side: Height and width of the result in pixels, bilinear with antialiasing; None to keep.

    Returns:
        float32 (N, 3, H', W').
    """
    values = images.float() / 255
    if side is not None and values.shape[-2:] != (side, side):
        values = functional.interpolate(values, (side, side), mode="bilinear", antialias=True)
    mean, std = (
        torch.tensor(part)[:, None, None] for part in (normalization.mean, normalization.std)
    )
    return (values - mean) / std


def _decode(folder: Any, index: int) -> Tensor:
    """Return image `index` of a torchvision ImageFolder as uint8 (3, H, W)."""
    path = folder.samples[index][0]
    try:
        image = folder.loader(path)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} cannot be decoded as an image ({error})", Path(path)) from error
    pixels: Tensor = torchvision().transforms.functional.pil_to_tensor(image)
    return pixels
