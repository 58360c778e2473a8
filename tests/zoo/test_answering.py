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
from bnas.zoo import json_lines, parquet_parts
from bnas.zoo.answering import Answered, AnsweringOptions, classify_photos

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
    options = AnsweringOptions(top=3, batch_size=4)
    errors: list[zoo.ImageError] = []
    found = classify_photos(
        small_network, [photos], out, model="Small", options=options, failed=errors.append
    )
    assert (found.photos, found.before, found.done, found.failed) == (PHOTOS, 0, PHOTOS, 1)
    assert ["broken.jpg" in str(each) for each in errors] == [True]
    answers = {each["path"]: each for each in read(out)}
    assert list(answers) == sorted(map(str, photos.rglob("*.png")))
    for path, answer in answers.items():
        expected = small_network.predict(path, top=3)
        assert answer["model"] == "Small"
        assert [each["index"] for each in answer["top"]] == [each.index for each in expected]
        assert [each["label"] for each in answer["top"]] == [each.label for each in expected]
        confidences = [each["confidence"] for each in answer["top"]]
        np.testing.assert_allclose(confidences, [each.confidence for each in expected], rtol=1e-5)


def test_what_cannot_be_read_is_tried_again(
    small_network: zoo.PackedNetwork, photos: Path, out: Path
) -> None:
    classify_photos(small_network, [photos], out, model="Small")
    good = sorted(photos.rglob("*.png"))[0]
    (photos / "a" / "broken.jpg").write_bytes(good.read_bytes())
    found = classify_photos(small_network, [photos], out, model="Small")
    assert (found.photos, found.failed, found.before) == (1, 0, PHOTOS - 1)
    assert len({each["path"] for each in read(out)}) == len(read(out)) == PHOTOS


@pytest.mark.parametrize("batches", [1, 2])
def test_an_interrupted_run_is_gone_on_with(
    small_network: zoo.PackedNetwork, photos: Path, out: Path, batches: int
) -> None:
    def interrupt(so_far: Answered) -> None:
        if so_far.done >= 4 * batches:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"model": "Small", "options": AnsweringOptions(batch_size=4)}
    # One of the second four photos cannot be read.
    written = {1: 4, 2: 7}[batches]
    with pytest.raises(KeyboardInterrupt):
        classify_photos(small_network, [photos], out, progress=interrupt, **options)
    assert len(read(out)) == written
    found = classify_photos(small_network, [photos], out, **options)
    assert (found.before, found.done) == (written, PHOTOS - written)
    assert len({each["path"] for each in read(out)}) == len(read(out)) == PHOTOS - 1
    again = classify_photos(small_network, [photos], out, **options)
    assert (again.before, again.done, again.failed) == (PHOTOS - 1, 1, 1)


def test_a_line_that_was_cut_off_is_written_anew(
    small_network: zoo.PackedNetwork, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers.jsonl"
    classify_photos(small_network, [photos], out, model="Small")
    whole = out.read_bytes()
    first = whole.index(b"\n") + 1
    for length in (0, 1, 9, first - 2, first - 1, first, first + 40, len(whole) - 1):
        out.write_bytes(whole[:length])
        found = classify_photos(small_network, [photos], out, model="Small")
        # A line that lacks nothing but its end is an answer.
        assert found.before == whole[: length + 1].count(b"\n")
        assert len({each["path"] for each in read(out)}) == len(read(out)) == PHOTOS - 1


@pytest.mark.parametrize(
    "content",
    [
        b'{"id": 1}\n{"id": 2, "text": "precious"}',
        b'{"id": 2, "text": "precious"}',
        b"precious",
        b'{"path": "a.png", "model": "Large", "top": []}',
        b'{"path": "a.png", "model": 7, "top": []}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_somebody_elses_file_keeps_its_bytes(
    small_network: zoo.PackedNetwork, photos: Path, tmp_path: Path, content: bytes
) -> None:
    out = tmp_path / "answers.jsonl"
    out.write_bytes(content)
    with pytest.raises(zoo.AnswersError):
        classify_photos(small_network, [photos], out, model="Small")
    assert out.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "photos"]


def test_blank_lines_are_passed_over(
    small_network: zoo.PackedNetwork, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers.jsonl"
    classify_photos(small_network, [photos], out, model="Small")
    out.write_bytes(b"\n" + out.read_bytes() + b"  \n\n")
    found = classify_photos(small_network, [photos], out, model="Small")
    assert (found.before, found.done) == (PHOTOS - 1, 1)


@pytest.mark.parametrize("name", ["part-00000-1b2c.snappy.parquet", "data.parquet"])
def test_somebody_elses_directory_is_refused(
    small_network: zoo.PackedNetwork, photos: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "answers.parquet"
    out.mkdir()
    pyarrow.parquet.write_table(pyarrow.table({"path": [1]}), out / name)
    with pytest.raises(zoo.AnswersError, match="holds other files"):
        classify_photos(small_network, [photos], out, model="Small")
    (out / name).rename(out / "part-000000.parquet")
    with pytest.raises(zoo.AnswersError, match="other columns|no file of answers"):
        classify_photos(small_network, [photos], out, model="Small")


def test_parts_do_not_wait_for_ever(
    small_network: zoo.PackedNetwork,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet_parts, "PART_SECONDS", 0.0)
    out, seen = tmp_path / "answers.parquet", []
    options = AnsweringOptions(batch_size=4)

    def look(so_far: Answered) -> None:
        seen.append(len(read(out)))

    classify_photos(small_network, [photos], out, model="Small", options=options, progress=look)
    assert seen == [4, 7, 10]


def test_parts_are_whole_or_not_there(
    small_network: zoo.PackedNetwork,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet_parts, "PART_ANSWERS", 3)
    out = tmp_path / "answers.parquet"
    options = AnsweringOptions(batch_size=4)
    classify_photos(small_network, [photos], out, model="Small", options=options)
    parts = sorted(path.name for path in out.iterdir())
    assert parts == [f"part-{number:06}.parquet" for number in range(4)]
    (out / parts[1]).unlink()
    (out / ".bnas-0.part").write_bytes(b"a draft of a killed run")
    found = classify_photos(small_network, [photos], out, model="Small")
    assert found.done == 3 + 1
    assert len({each["path"] for each in read(out)}) == PHOTOS - 1
    assert not list(out.glob(".bnas-*"))


def test_names_that_are_no_text_are_escaped(
    small_network: zoo.PackedNetwork, photos: Path, out: Path
) -> None:
    os.rename(photos / "a" / "0.png", os.fsencode(photos / "a") + b"/\xff.png")
    for before in (0, PHOTOS - 1):
        found = classify_photos(small_network, [photos], out, model="Small")
        assert (found.before, found.failed) == (before, 1)
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
    out, options = tmp_path / "answers.jsonl", AnsweringOptions(batch_size=4)
    write = json_lines.JsonLines.write

    def full(file: json_lines.JsonLines, answers: Any) -> None:
        if file.path.stat().st_size:
            raise OSError(28, "No space left on device")
        write(file, answers)

    with monkeypatch.context() as patch:
        patch.setattr(json_lines.JsonLines, "write", full)
        with pytest.raises(zoo.ZooError, match="No space left"):
            classify_photos(small_network, [photos], out, model="Small", options=options)
    assert len(read(out)) == 4
    assert classify_photos(small_network, [photos], out, model="Small").before == 4


@pytest.mark.parametrize("wrong", [{"top": 0}, {"batch_size": 0}, {"readers": -1}])
def test_numbers_below_one_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}`"):
        AnsweringOptions(**wrong)


def test_a_single_path_is_no_list(small_network: zoo.PackedNetwork, out: Path) -> None:
    with pytest.raises(ValueError, match="must be a list"):
        classify_photos(small_network, "photos", out, model="Small")
    assert not out.exists()


def test_an_error_of_progress_stays_what_it_is(
    small_network: zoo.PackedNetwork, photos: Path, out: Path
) -> None:
    def fail(so_far: Answered) -> None:
        raise BrokenPipeError("gone")

    with pytest.raises(BrokenPipeError, match="gone"):
        classify_photos(small_network, [photos], out, model="Small", progress=fail)
    assert len(read(out)) == PHOTOS - 1
