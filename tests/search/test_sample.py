"""The bundled sample of images."""

from __future__ import annotations

from pathlib import Path

import pytest

import bnas.search
from bnas import search


def test_it_is_600_images_of_ten_classes(tmp_path: Path) -> None:
    root = search.unpack_sample(tmp_path / "new" / "sample")
    images = search.read_images(root / "train")
    assert images.images.shape == (600, 3, 32, 32)
    assert images.labels.bincount().tolist() == [60] * 10
    assert images.classes[0] == "airplane"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sample"]


def test_it_is_unpacked_once(tmp_path: Path) -> None:
    root = search.unpack_sample(tmp_path / "sample")
    photo = next((root / "train").rglob("*.jpg"))
    photo.write_bytes(b"mine")
    search.unpack_sample(tmp_path / "sample")
    assert photo.read_bytes() == b"mine"


def test_it_names_its_source_and_is_small() -> None:
    (folder,) = (Path(each) / "sample_images" for each in bnas.search.__path__)
    assert "Krizhevsky" in (folder / "SOURCES.md").read_text(encoding="utf-8")
    assert (folder / "cifar10-sample.zip").stat().st_size < 1_000_000


def test_where_nothing_can_be_written_the_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(search.DataError, match="file/sample cannot be written"):
        search.unpack_sample(tmp_path / "file" / "sample")
