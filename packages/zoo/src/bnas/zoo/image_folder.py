"""`labelled_photos`: the photos of a directory with one folder a class, as torchvision has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bnas.zoo.errors import EvaluationError, listed
from bnas.zoo.images import PHOTO_SUFFIXES, photos_in
from bnas.zoo.network import PackedNetwork


def labelled_photos(
    network: PackedNetwork, directory: str | os.PathLike[str]
) -> list[tuple[Path, int]]:
    """Return every photo of `directory` with the index of its class, ordered by class and path.

    Raises:
        EvaluationError: No such directory, no photos in it or in one of its folders, folders that
            are not the network's classes.
    """
    root = Path(directory)
    if not root.is_dir():
        what = "is a file, not a directory" if root.exists() else "does not exist"
        raise EvaluationError(
            f"the directory of photos {str(root)!r} {what}; it must hold one folder of photos a "
            "class",
            directory=root,
        )
    folders = sorted(
        (each for each in root.iterdir() if each.is_dir() and not each.name.startswith(".")),
        key=lambda folder: folder.name,
    )
    if not folders:
        raise EvaluationError(
            f"{str(root)!r} must hold one folder of photos a class (got no folder)", directory=root
        )
    indices = _class_indices(network, folders, root)
    return [
        (path, index)
        for folder, index in zip(folders, indices, strict=True)
        for path in _photos_in(folder)
    ]


def _class_indices(network: PackedNetwork, folders: list[Path], root: Path) -> list[int]:
    names = network.card.class_names if network.card is not None else ()
    if not names:
        if len(folders) != network.spec.num_classes:
            raise EvaluationError(
                f"{str(root)!r} must hold one folder for each of the network's "
                f"{network.spec.num_classes} classes, which have no names (got {len(folders)})",
                directory=root,
            )
        return list(range(len(folders)))
    known = {name: index for index, name in enumerate(names)}
    unknown = [folder.name for folder in folders if folder.name not in known]
    if unknown:
        raise EvaluationError(
            f"{str(root)!r} has folders that are no classes of the network: "
            f"{listed(map(repr, unknown), 10)}; "
            f"allowed: {listed(map(repr, names), 10)}",
            directory=root,
            unknown=tuple(unknown),
        )
    return [known[folder.name] for folder in folders]


def _photos_in(folder: Path) -> Iterator[Path]:
    found = photos_in(folder)
    if not found:
        raise EvaluationError(
            f"{str(folder)!r} holds no photos (files that end in {', '.join(PHOTO_SUFFIXES)})",
            directory=folder,
        )
    yield from found
