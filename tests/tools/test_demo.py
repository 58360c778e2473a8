from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result
from PIL import Image

from bnas import zoo
from bnas.zoo.photos import bundled_photos


def test_json_answers_every_bundled_photo(
    document: Callable[..., Any],
    tiny_network: zoo.PackedNetwork,
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    picture = tmp_path / "demo.png"
    found = document("demo", "--weights", tiny_weights, "--out", picture)
    assert found["picture"] == str(picture)
    assert found["size_bytes"] == tiny_weights.stat().st_size
    assert found["float_bytes"] == tiny_network.float_bytes
    photos = bundled_photos()
    assert [each["label"] for each in found["predictions"]] == [photo.label for photo in photos]
    right = 0
    for photo, told in zip(photos, found["predictions"], strict=True):
        (best,) = tiny_network.predict(photo.path, top=1)
        assert told["top"] == [
            {"label": best.label, "index": best.index, "confidence": best.confidence}
        ]
        assert told["right"] is (best.label == photo.label)
        right += told["right"]
    assert found["right"] == right
    with Image.open(picture) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")


def test_table_has_a_row_a_photo_and_both_sizes(
    call: Callable[..., Result], tiny_weights: Path, tmp_path: Path
) -> None:
    output = call("demo", "--weights", tiny_weights, "--out", tmp_path / "demo.png").stdout
    assert all(photo.path.name in output for photo in bundled_photos())
    assert "on disk" in output
    assert "in float32" in output
    assert f"of {len(bundled_photos())} right" in output


def test_a_picture_that_cannot_be_saved_is_named(
    refusal: Callable[..., str], tiny_weights: Path, tmp_path: Path
) -> None:
    weights = ("demo", "--weights", tiny_weights, "--out")
    assert "must end in .png" in refusal(*weights, tmp_path / "demo.jpg")
    assert "cannot write" in refusal(*weights, tmp_path / "none" / "demo.png")
