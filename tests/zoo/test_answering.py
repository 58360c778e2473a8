"""Many photos to files of answers, whatever interrupts it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from filelock import FileLock
from PIL import Image

from bnas import zoo
from bnas.zoo import answer_files
from bnas.zoo.answering import Answered, classify_photos

PHOTOS = 11


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten photos in two folders, a file that is none, and one that is passed over."""
    generator = np.random.default_rng(0)
    root = tmp_path / "photos"
    for number in range(PHOTOS - 1):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (20 + number, 24, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (root / "a" / "broken.jpg").write_bytes(b"no photo")
    (root / "a" / "notes.txt").write_text("no photo either")
    return root


def read(out: Path) -> list[dict[str, Any]]:
    if out.suffix == ".parquet":
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(out).to_pylist()
        return rows
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.fixture(params=["answers.jsonl", "answers.parquet"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place: Path = tmp_path / request.param
    return place


def test_answers_are_those_of_predict(
    small_network: zoo.PackedNetwork, photos: Path, out: Path
) -> None:
    found = classify_photos(small_network, [photos], out, model="Small", top=3, batch_size=4)
    assert (found.photos, found.before, found.done, found.failed) == (PHOTOS, 0, PHOTOS, 1)
    answers = {each["path"]: each for each in read(out)}
    assert list(answers) == sorted(map(str, [*photos.rglob("*.png"), photos / "a/broken.jpg"]))
    for path, answer in answers.items():
        assert answer["model"] == "Small"
        if path.endswith("broken.jpg"):
            assert answer["top"] == []
            assert "no image that can be read" in answer["error"]
            continue
        expected = small_network.predict(path, top=3)
        assert answer["error"] is None
        assert [each["index"] for each in answer["top"]] == [each.index for each in expected]
        assert [each["label"] for each in answer["top"]] == [each.label for each in expected]
        confidences = [each["confidence"] for each in answer["top"]]
        np.testing.assert_allclose(confidences, [each.confidence for each in expected], rtol=1e-5)


@pytest.mark.parametrize("batches", [1, 2])
def test_an_interrupted_run_is_gone_on_with(
    small_network: zoo.PackedNetwork, photos: Path, out: Path, batches: int
) -> None:
    def interrupt(so_far: Answered) -> None:
        if so_far.done >= 4 * batches:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"model": "Small", "batch_size": 4}
    with pytest.raises(KeyboardInterrupt):
        classify_photos(small_network, [photos], out, progress=interrupt, **options)
    assert len(read(out)) == 4 * batches
    found = classify_photos(small_network, [photos], out, **options)
    assert (found.before, found.done) == (4 * batches, PHOTOS - 4 * batches)
    assert len({each["path"] for each in read(out)}) == len(read(out)) == PHOTOS
    again = classify_photos(small_network, [photos], out, **options)
    assert (again.before, again.done, again.images_per_s) == (PHOTOS, 0, 0)


@pytest.mark.parametrize("block_bytes", [7, 1 << 16])
def test_a_line_that_was_cut_off_is_written_anew(
    small_network: zoo.PackedNetwork,
    photos: Path,
    tmp_path: Path,
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_files, "_BLOCK_BYTES", block_bytes)
    out = tmp_path / "answers.jsonl"
    classify_photos(small_network, [photos], out, model="Small")
    whole = out.read_bytes()
    first = whole.index(b"\n") + 1
    for length in (0, 1, first - 1, first, first + 40, len(whole) - 1):
        out.write_bytes(whole[:length])
        classify_photos(small_network, [photos], out, model="Small")
        assert len({each["path"] for each in read(out)}) == len(read(out)) == PHOTOS


def test_parts_are_whole_or_not_there(
    small_network: zoo.PackedNetwork,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_files, "PART_PHOTOS", 3)
    out = tmp_path / "answers.parquet"
    classify_photos(small_network, [photos], out, model="Small", batch_size=4)
    parts = sorted(path.name for path in out.iterdir())
    assert parts == [f"part-{number:06}.parquet" for number in range(4)]
    (out / parts[1]).unlink()
    (out / ".bnas-0.part").write_bytes(b"a draft of a killed run")
    found = classify_photos(small_network, [photos], out, model="Small")
    assert found.done == 3
    assert len({each["path"] for each in read(out)}) == PHOTOS
    assert not list(out.glob(".bnas-*"))


def test_names_that_are_no_text_are_escaped(
    small_network: zoo.PackedNetwork, photos: Path, out: Path
) -> None:
    os.rename(photos / "a" / "0.png", os.fsencode(photos / "a") + b"/\xff.png")
    for before in (0, PHOTOS):
        found = classify_photos(small_network, [photos], out, model="Small")
        assert (found.before, found.failed) == (before, 0 if before else 1)
    assert sum(each["path"].endswith("a/\\udcff.png") for each in read(out)) == 1


def test_answers_of_another_model_are_refused(
    small_network: zoo.PackedNetwork, photos: Path, out: Path
) -> None:
    classify_photos(small_network, [photos], out, model="Small")
    before = read(out)
    with pytest.raises(zoo.AnswersError, match="holds answers of Small, not of Large"):
        classify_photos(small_network, [photos], out, model="Large")
    assert read(out) == before


def test_one_process_at_a_time(small_network: zoo.PackedNetwork, photos: Path, out: Path) -> None:
    with FileLock(f"{out}.lock"), pytest.raises(zoo.AnswersError, match="another process"):
        classify_photos(small_network, [photos], out, model="Small")


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("answers.csv", None, "ends in .jsonl or .parquet"),
        ("answers", None, "ends in .jsonl or .parquet"),
        ("answers.jsonl", lambda path: path.mkdir(), "is not a file"),
        ("answers.parquet", lambda path: path.write_text(""), "is not a directory"),
        ("answers.jsonl", lambda path: path.write_text("[]\n"), "line 1 of"),
        ("answers.jsonl", lambda path: path.write_text('{"path": "a"}\n'), "line 1 of"),
        ("answers.jsonl", lambda path: path.write_bytes(b"\xff\n"), "line 1 of"),
        ("answers.jsonl", os.mkfifo, "is not a file"),
    ],
)
def test_places_that_will_not_do(
    small_network: zoo.PackedNetwork,
    photos: Path,
    tmp_path: Path,
    name: str,
    make: Callable[[Path], Any] | None,
    words: str,
) -> None:
    if make is not None:
        make(tmp_path / name)
    with pytest.raises(zoo.AnswersError, match=words):
        classify_photos(small_network, [photos], tmp_path / name, model="Small")


def test_a_damaged_part_is_named(
    small_network: zoo.PackedNetwork, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers.parquet"
    out.mkdir()
    (out / "part-000000.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(zoo.AnswersError, match="part-000000.parquet"):
        classify_photos(small_network, [photos], out, model="Small")


def test_a_full_disk_keeps_what_is_written(
    small_network: zoo.PackedNetwork,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "answers.jsonl"
    write = answer_files.JsonLines.write

    def full(file: answer_files.JsonLines, answers: Any) -> None:
        if file.path.stat().st_size:
            raise OSError(28, "No space left on device")
        write(file, answers)

    with monkeypatch.context() as patch:
        patch.setattr(answer_files.JsonLines, "write", full)
        with pytest.raises(zoo.ZooError, match="No space left"):
            classify_photos(small_network, [photos], out, model="Small", batch_size=4)
    assert len(read(out)) == 4
    assert classify_photos(small_network, [photos], out, model="Small").before == 4


def test_top_is_checked_before_anything_is_written(
    small_network: zoo.PackedNetwork, photos: Path, out: Path
) -> None:
    with pytest.raises(ValueError, match="`top`"):
        classify_photos(small_network, [photos], out, model="Small", top=0)
    assert not out.exists()
