"""The bundled photos are there, are photos, and are accounted for."""

from __future__ import annotations

import re

from bnas.zoo.cards import CIFAR10_CLASSES
from bnas.zoo.images import read_image
from bnas.zoo.photos import bundled_photos


def test_every_class_has_a_photo() -> None:
    photos = bundled_photos()
    assert {photo.label for photo in photos} == set(CIFAR10_CLASSES)
    assert [photo.path.name for photo in photos] == sorted(photo.path.name for photo in photos)


def test_photos_come_from_two_data_sets() -> None:
    sizes = {photo.source: read_image(photo.path).size for photo in bundled_photos()}
    assert sizes == {"CIFAR-10, test": (32, 32), "Tiny ImageNet, validation": (64, 64)}


def test_sources_name_every_photo() -> None:
    folder = bundled_photos()[0].path.parent
    text = (folder / "SOURCES.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w.-]+)` \| (\w+) \| (.+?) \|", text, flags=re.MULTILINE)
    assert named == [(photo.path.name, photo.label, photo.source) for photo in bundled_photos()]
    assert {path.name for path in folder.iterdir()} == {"SOURCES.md", *(name for name, *_ in named)}
    assert "Krizhevsky" in text
    assert "CS231n" in text
