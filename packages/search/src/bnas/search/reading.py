"""Images from a directory into memory, decoded by all cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import torch
from PIL import Image
from torch import Tensor

from bnas.cells import Normalization
from bnas.search.errors import DataError
from bnas.search.image_set import CIFAR, ImageSet, TrainingData, split_holdout
from bnas.search.vision import torchvision

#: Called with the number of images read, and that of all.
ReadProgress = Callable[[int, int], None]

#: Images that a thread decodes at once: enough to make up for handing them over.
_CHUNK = 64


def read_images(
    directory: str | Path, *, skip_corrupt: bool = False, progress: ReadProgress | None = None
) -> ImageSet:
    """Decode ``directory/<class>/<image>`` into memory, classes and files in sorted order.

    Args:
        directory: For instance the ``train`` folder of CIFAR-10: 50,000 images in 150 MB.
        skip_corrupt: Leave images out that cannot be decoded; `ImageSet.skipped` names them.
        progress: Called now and then.

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
    images: Tensor | None = None
    kept: list[int] = []
    skipped: list[Path] = []
    for index, decoded in enumerate(_decode_all(folder, progress)):
        path = Path(folder.samples[index][0])
        if isinstance(decoded, DataError):
            if not skip_corrupt:
                raise decoded
            skipped.append(path)
            continue
        if images is None:
            images = torch.empty((len(folder), *decoded.shape), dtype=torch.uint8)
            first = path
        _check_size(decoded, path, images, first)
        images[len(kept)] = decoded
        kept.append(folder.targets[index])
    if images is None:
        raise DataError(f"{root} holds no image that can be decoded", root)
    _check_classes(root, folder.classes, kept)
    labels = torch.tensor(kept)
    return ImageSet(images[: len(kept)], labels, tuple(folder.classes), tuple(skipped))


def load_training_data(
    root: str | Path,
    *,
    holdout: int | None = None,
    holdout_seed: int = 0,
    normalization: Normalization = CIFAR,
    skip_corrupt: bool = False,
    progress: ReadProgress | None = None,
) -> TrainingData:
    """Read ``root/train`` and hold out some of it; ``root/test`` is not touched.

    Args:
        root: Directory with a folder ``train`` of one folder a class.
        holdout: Number of images to hold out; None for 5,000, or a tenth of those that were read
            where that is less.
        holdout_seed: Of the choice of the held-out images, >= 0. It is no recipe's `seed`: with the
            same one, runs of all seeds hold out the same images.
        normalization: Statistics of the images.
        skip_corrupt: Leave images out that cannot be decoded; `ImageSet.skipped` of the training
            images names them all.
        progress: Called now and then while reading.

    Raises:
        DataError: See `read_images` and `split_holdout`.
    """
    images = read_images(Path(root) / "train", skip_corrupt=skip_corrupt, progress=progress)
    train, held_out = split_holdout(images, holdout, holdout_seed)
    return TrainingData(attrs.evolve(train, skipped=images.skipped), held_out, normalization)


def _decode_all(folder: Any, progress: ReadProgress | None) -> Iterator[Tensor | DataError]:
    """Yield every image, or the error that it gave, in order; a few chunks ahead of the reader."""
    starts = iter(range(0, len(folder), _CHUNK))
    threads = os.cpu_count() or 1
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[list[Tensor | DataError]]] = deque()
        try:
            while True:
                while len(pending) < 2 * threads and (start := next(starts, None)) is not None:
                    pending.append(pool.submit(_decode_chunk, folder, start))
                if not pending:
                    return
                chunk = pending.popleft().result()
                done += len(chunk)
                if progress is not None:
                    progress(done, len(folder))
                yield from chunk
        finally:
            for future in pending:
                future.cancel()


def _decode_chunk(folder: Any, start: int) -> list[Tensor | DataError]:
    stop = min(start + _CHUNK, len(folder))
    return [_decode(folder, index) for index in range(start, stop)]


def _decode(folder: Any, index: int) -> Tensor | DataError:
    """Return image `index` of a torchvision ImageFolder as uint8 (3, H, W), or what is wrong."""
    path = folder.samples[index][0]
    try:
        pixels: Tensor = torchvision().transforms.functional.pil_to_tensor(folder.loader(path))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return DataError(f"{path} cannot be decoded as an image ({error})", Path(path))
    return pixels


def _check_size(image: Tensor, path: Path, images: Tensor, first: Path) -> None:
    height, width = images.shape[-2:]
    if image.shape[-2:] != (height, width):
        raise DataError(
            f"{path} must be {width}x{height} pixels like {first} "
            f"(got {image.shape[2]}x{image.shape[1]})",
            path,
        )


def _check_classes(root: Path, classes: list[str], labels: list[int]) -> None:
    missing = sorted(set(range(len(classes))) - set(labels))
    if missing:
        name = classes[missing[0]]
        raise DataError(f"{root / name} holds no image that can be decoded", root / name)
