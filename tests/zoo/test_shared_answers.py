"""Evaluations that are stopped, gone on with, and shared by several processes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch
from filelock import FileLock
from PIL import Image

from bnas import zoo
from bnas.zoo import answer_file
from bnas.zoo.answering import AnsweringOptions, classify_photos
from bnas.zoo.engines import torch_engine
from bnas.zoo.evaluate import Evaluation, evaluate
from bnas.zoo.shared_answers import SharedAnswers

PHOTOS = 30


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of noise in each of ten folders, whose names are the classes in order."""
    root = tmp_path_factory.mktemp("data")
    source = np.random.default_rng(0)
    for number in range(PHOTOS):
        folder = root / f"{number % 10}"
        folder.mkdir(exist_ok=True)
        pixels = source.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


@pytest.fixture(params=["answers.jsonl", "answers.parquet"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place: Path = tmp_path / request.param
    return place


@pytest.fixture
def expected(small_network: zoo.PackedNetwork, data: Path) -> Evaluation:
    return evaluate(small_network, data)


def figures(result: Evaluation) -> tuple[Any, ...]:
    return result.top1, result.top5, result.images, result.tally


def paths(out: Path) -> list[str]:
    if out.suffix == ".parquet":
        found: list[str] = pyarrow.parquet.read_table(out)["path"].to_pylist()
        return found
    return [json.loads(line)["path"] for line in out.read_text().splitlines()]


def stop_at(images: int) -> Callable[[Evaluation, int], None]:
    def stop(so_far: Evaluation, total: int) -> None:
        assert total == PHOTOS
        if so_far.images >= images:
            raise KeyboardInterrupt

    return stop


def test_a_run_that_was_stopped_is_gone_on_with(
    small_network: zoo.PackedNetwork, data: Path, out: Path, expected: Evaluation
) -> None:
    kept = SharedAnswers(out=out, model="Small")
    with pytest.raises(KeyboardInterrupt):
        evaluate(small_network, data, batch_size=4, answers=kept, progress=stop_at(12))
    assert len(paths(out)) == 12
    seen = []

    def count(images: np.ndarray) -> np.ndarray:
        seen.append(len(images))
        return small_network(images)

    result = evaluate(small_network, data, answers=kept, engine=count)
    assert (figures(result), result.before) == (figures(expected), 12)
    assert sum(seen) == 1 + PHOTOS - 12
    again = evaluate(small_network, data, answers=kept)
    assert (figures(again), again.before, again.seconds) == (figures(expected), PHOTOS, 0)
    assert len(set(paths(out))) == len(paths(out)) == PHOTOS
    assert 0 < result.top1 < result.top5 < 100


def test_answers_are_those_that_predict_writes(
    small_network: zoo.PackedNetwork, data: Path, tmp_path: Path, expected: Evaluation
) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    evaluate(small_network, data, answers=SharedAnswers(out=one, model="Small"))
    classify_photos(small_network, [data], other, model="Small")
    assert sorted(one.read_text().splitlines()) == sorted(other.read_text().splitlines())
    found = evaluate(small_network, data, answers=SharedAnswers(out=other, model="Small"))
    assert (figures(found), found.before) == (figures(expected), PHOTOS)


def test_processes_share_photos_and_agree(
    small_network: zoo.PackedNetwork, data: Path, out: Path, expected: Evaluation
) -> None:
    """The leading one waits for the other, which begins when it has done its own share."""
    results: dict[int, Evaluation] = {}

    def run(rank: int) -> None:
        network = zoo.PackedNetwork(small_network.spec, small_network.parameters)
        kept = SharedAnswers(out=out, model="Small", rank=rank, processes=2)
        told = begin if rank == 0 else None
        results[rank] = evaluate(network, data, batch_size=4, answers=kept, progress=told)

    def begin(so_far: Evaluation, total: int) -> None:
        if so_far.images == PHOTOS // 2 and not other.is_alive():
            other.start()

    other = threading.Thread(target=run, args=(1,))
    run(0)
    other.join()
    assert figures(results[0]) == figures(expected)
    assert results[0].before == 0
    assert results[1].images - results[1].before == PHOTOS // 2
    assert len(set(paths(out))) == len(paths(out)) == PHOTOS
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_what_killed_processes_left_is_taken_over(
    small_network: zoo.PackedNetwork, data: Path, out: Path, expected: Evaluation
) -> None:
    for rank in (0, 2):
        kept = SharedAnswers(out=out, model="Small", rank=rank, processes=3)
        with pytest.raises(KeyboardInterrupt):
            evaluate(small_network, data, batch_size=4, answers=kept, progress=stop_at(4))
    assert not out.exists()
    out.with_name(f"{out.stem}.2-of-3{out.suffix}.lock").touch()  # as a kill leaves it
    result = evaluate(small_network, data, answers=SharedAnswers(out=out, model="Small"))
    # The second of them found the answers of the first.
    assert (figures(result), result.before) == (figures(expected), 8)
    assert len(set(paths(out))) == len(paths(out)) == PHOTOS
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_part_that_is_written_to_is_left(
    small_network: zoo.PackedNetwork, data: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_file, "_CLOSING_S", 0.0)
    part = out.with_name(f"answers.1-of-2{out.suffix}")
    classify_photos(small_network, [data / "3"], part, model="Small")
    before = paths(part)
    kept = SharedAnswers(out=out, model="Small")
    with FileLock(f"{part}.lock"), pytest.raises(zoo.AnswersError, match="another process"):
        evaluate(small_network, data, answers=kept)
    assert paths(part) == before
    assert evaluate(small_network, data, answers=kept).before == PHOTOS
    assert not part.exists()


def test_a_line_that_is_there_twice_is_taken_once(
    small_network: zoo.PackedNetwork, data: Path, tmp_path: Path, expected: Evaluation
) -> None:
    out = tmp_path / "answers.jsonl"
    evaluate(small_network, data, answers=SharedAnswers(out=out, model="Small"))
    # As after a kill between the copy of a part and its end; the last line is cut off too.
    (tmp_path / "answers.1-of-2.jsonl").write_bytes(out.read_bytes()[:-20])
    again = evaluate(small_network, data, answers=SharedAnswers(out=out, model="Small"))
    assert figures(again) == figures(expected)
    assert len(paths(out)) == PHOTOS
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_answers_of_something_else_are_refused(
    small_network: zoo.PackedNetwork, data: Path, out: Path, tmp_path: Path
) -> None:
    kept = SharedAnswers(out=out, model="Small")
    evaluate(small_network, data, answers=kept, limit=10)
    before = paths(out)

    def refused(words: str, directory: Path = data, **options: Any) -> None:
        with pytest.raises(zoo.AnswersError, match=words):
            evaluate(small_network, directory, answers=options.pop("answers", kept), **options)

    refused("answers of Small, not of Large", answers=SharedAnswers(out=out, model="Large"))
    refused("answers to 9 other photos", limit=1)
    other = tmp_path / "data"
    for label in range(10):
        (other / str(label)).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(other / str(label) / "0.png")
    refused("answers to 10 other photos", other)
    assert paths(out) == before
    # More photos than before are no others.
    assert evaluate(small_network, data, answers=kept).before == 10
    short = tmp_path / "short.jsonl"
    classify_photos(small_network, [data], short, model="Small", options=AnsweringOptions(top=4))
    refused("answers of 4 classes, where 5", answers=SharedAnswers(out=short, model="Small"))


def test_a_photo_that_cannot_be_read_stops_with_what_is_answered(
    small_network: zoo.PackedNetwork, data: Path, out: Path, tmp_path: Path
) -> None:
    photo = data / "3" / "13.png"
    content = photo.read_bytes()
    kept = SharedAnswers(out=out, model="Small")
    try:
        photo.write_bytes(b"no photo")
        with pytest.raises(zoo.ImageError, match=r"13\.png"):
            evaluate(small_network, data, batch_size=2, answers=kept)
        assert len(paths(out)) == 8
    finally:
        photo.write_bytes(content)
    assert evaluate(small_network, data, answers=kept).images == PHOTOS


def test_torch_gives_the_same_answers(
    small_network: zoo.PackedNetwork, data: Path, expected: Evaluation
) -> None:
    engine = torch_engine(small_network)
    assert figures(evaluate(small_network, data, engine=engine)) == figures(expected)
    images = np.random.default_rng(0).standard_normal((3, 3, 32, 32)).astype(np.float32)
    logits = engine(images)
    assert (logits.dtype, logits.shape) == (np.float32, (3, 10))
    with torch.no_grad():
        module = small_network.to_torch()
        np.testing.assert_array_equal(logits, module(torch.from_numpy(images)).numpy())
