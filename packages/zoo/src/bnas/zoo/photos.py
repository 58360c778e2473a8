"""The photos that travel with the package, for the demonstration and for tests.

Where each comes from is written in ``photos/SOURCES.md`` beside them.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from attrs import frozen

#: The second part of a photo's file name, and what it stands for.
_SOURCES = {"cifar10": "CIFAR-10, test", "tiny-imagenet": "Tiny ImageNet, validation"}


@frozen
class Photo:
    """A bundled photo.

    Attributes:
        path: The JPEG file.
        label: The CIFAR-10 class that its data set says it shows.
        source: The data set and the part of it that it was taken from.
    """

    path: Path
    label: str
    source: str


def bundled_photos() -> tuple[Photo, ...]:
    """Return every bundled photo, ordered by file name: CIFAR-10's ten classes and a few larger."""
    folder = Path(str(importlib.resources.files("bnas.zoo") / "photos"))
    photos = []
    for path in sorted(folder.glob("*.jpg")):
        label, _, source = path.stem.partition("-")
        photos.append(Photo(path, label, _SOURCES[source]))
    return tuple(photos)
