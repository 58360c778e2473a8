from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bnas import cells, zoo
from bnas.cells.nn import Network


def test_json_is_what_the_network_predicts(
    document: Callable[..., Any], tiny_network: zoo.PackedNetwork, tiny_weights: Path, photo: Path
) -> None:
    found = document("predict", photo, "--weights", tiny_weights, "--top", 3)
    (told,) = found.pop("predictions")
    assert found == {"model": "Tiny.random"}
    assert told.keys() == {"path", "top", "ms"}
    assert told["path"] == str(photo)
    assert told["ms"] > 0
    assert told["top"] == [
        {"label": each.label, "index": each.index, "confidence": each.confidence}
        for each in tiny_network.predict(photo, top=3)
    ]


def test_five_classes_are_told_by_default(
    document: Callable[..., Any], tiny_weights: Path, photo: Path
) -> None:
    (told,) = document("predict", photo, "--weights", tiny_weights)["predictions"]
    confidences = [each["confidence"] for each in told["top"]]
    assert len(confidences) == 5
    assert confidences == sorted(confidences, reverse=True)


def test_table_names_photos_and_classes(
    call: Callable[..., Result], tiny_network: zoo.PackedNetwork, tiny_weights: Path, photo: Path
) -> None:
    lines = call("predict", photo, "--weights", tiny_weights, "--top", 2).stdout.splitlines()
    best, second = tiny_network.predict(photo, top=2)
    (row,) = (place for place, line in enumerate(lines) if str(photo) in line)
    assert best.label in lines[row]
    assert f"{100 * best.confidence:.1f} %" in lines[row]
    assert float(lines[row].split()[-1].replace(",", "")) > 0
    assert ["photo", "label", "confidence", "ms"] in [line.split() for line in lines[:row]]
    assert second.label in lines[row + 1]


@pytest.mark.parametrize("name", ["[red]x.jpg", ":cat: photo.jpg", "x" * 240 + ".jpg"])
def test_table_shows_any_name_whole(
    call: Callable[..., Result], tiny_weights: Path, photo: Path, tmp_path: Path, name: str
) -> None:
    shutil.copy(photo, tmp_path / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        output = call("predict", name, "--weights", tiny_weights, "--top", 1).stdout
    first_column = "".join(line[2:].split("  ")[0] for line in output.splitlines()[4:])
    assert name in first_column


def test_model_and_weights_belong_together(
    document: Callable[..., Any], refusal: Callable[..., str], mini_weights: Path, photo: Path
) -> None:
    arguments = ("predict", photo, "--weights", mini_weights, "--model")
    assert document(*arguments, "bnas-mini")["model"] == "BNAS-Mini.random"
    message = refusal(*arguments, "BNAS-A")
    assert "another architecture than BNAS-A" in message
    assert str(mini_weights) in message


def test_one_bad_photo_does_not_keep_the_others_from_an_answer(
    call: Callable[..., Result], tiny_weights: Path, photo: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    photos = (photo, text, tmp_path / "none.jpg", photo)
    result = call("predict", *photos, "--weights", tiny_weights, "--json", code=1)
    told = json.loads(result.stdout)["predictions"]
    assert [each["path"] for each in told] == [str(photo)] * 2
    first, second = result.stderr.splitlines()
    assert first.startswith(f"Error: {str(text)!r} is no image")
    assert second == f"Error: no such file: {str(tmp_path / 'none.jpg')!r}"


def truncated(photo: Path, folder: Path) -> Path:
    path = folder / "short.jpg"
    path.write_bytes(photo.read_bytes()[:500])
    return path


def empty(photo: Path, folder: Path) -> Path:
    path = folder / "empty.png"
    path.touch()
    return path


def directory(photo: Path, folder: Path) -> Path:
    return folder


@pytest.mark.parametrize(
    ("make", "what"), [(truncated, "damaged"), (empty, "empty"), (directory, "is a directory")]
)
def test_what_is_no_photo_is_refused_in_one_line(
    refusal: Callable[..., str],
    tiny_weights: Path,
    photo: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], Path],
    what: str,
) -> None:
    path = make(photo, tmp_path)
    message = refusal("predict", path, "--weights", tiny_weights)
    assert what in message
    assert repr(str(path)) in message


def test_unknown_model_lists_the_nearest(refusal: Callable[..., str], photo: Path) -> None:
    assert "'BNAS-Mini'" in refusal("predict", photo, "--model", "BNAS-Mimi")


def test_untrained_model_says_what_helps(refusal: Callable[..., str], photo: Path) -> None:
    untrained = zoo.list_models(trained=False)[-1]
    message = refusal("predict", photo, "--model", untrained)
    assert message.startswith(f"{untrained} is not trained yet")
    assert "--weights FILE" in message


@pytest.mark.parametrize("name", ["Bi-Real-18", "BNAS-A.float"])
def test_a_specification_without_weights_says_how_to_get_some(
    refusal: Callable[..., str], photo: Path, name: str
) -> None:
    message = refusal("predict", photo, "--model", name.lower())
    assert message.startswith(f"{name} is a specification without weights")
    assert f"`bnas-tools train --model {name}`" in message
    assert "--weights FILE" in message


def test_weights_of_a_specification_are_taken_by_its_name(
    document: Callable[..., Any], refusal: Callable[..., str], photo: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "twin.safetensors"
    spec = cells.spec("BNAS-Mini.float")
    zoo.pack(Network(spec).eval()).save(weights)
    arguments = ("predict", photo, "--weights", weights, "--model")
    assert document(*arguments, "bnas-mini.float")["model"] == "BNAS-Mini.float"
    message = refusal(*arguments, "Bi-Real-18")
    assert "another architecture than Bi-Real-18" in message


@pytest.mark.parametrize("size_bytes", [0, 5, 3000])
def test_truncated_weights_are_refused(
    refusal: Callable[..., str], tiny_weights: Path, photo: Path, tmp_path: Path, size_bytes: int
) -> None:
    short = tmp_path / "short.safetensors"
    short.write_bytes(tiny_weights.read_bytes()[:size_bytes])
    assert "truncated" in refusal("predict", photo, "--weights", short)


def test_damaged_weights_are_refused(
    refusal: Callable[..., str], tiny_weights: Path, photo: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(tiny_weights.read_bytes()[:-2] + b"\xff\x7f")  # ends in a NaN
    assert "damaged" in refusal("predict", photo, "--weights", damaged)


def test_missing_weights_are_named(
    refusal: Callable[..., str], photo: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "none.safetensors"
    assert refusal("predict", photo, "--weights", missing) == (f"no such file: {str(missing)!r}")


@pytest.mark.parametrize("arguments", [(), ("PHOTO", "--top", "0"), ("PHOTO", "--tops", "1")])
def test_wrong_call_is_a_usage_error(
    refusal: Callable[..., str], arguments: tuple[str, ...]
) -> None:
    assert "bnas-tools predict --help" in refusal("predict", *arguments, code=2)


def test_many_photos_go_to_a_file_and_are_gone_on_with(
    call: Callable[..., Result],
    document: Callable[..., Any],
    tiny_weights: Path,
    photo: Path,
    tmp_path: Path,
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "answers.jsonl"
    folder.mkdir()
    for number in range(3):
        shutil.copy(photo, folder / f"{number}{photo.suffix}")
    words = ("predict", folder, photo, "--weights", tiny_weights, "--out", out)
    told = call(*words, "--top", 2).stdout
    assert "had an answer before" in told
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert [Path(each["path"]).name for each in answers][:3] == sorted(os.listdir(folder))
    (model,) = {each["model"] for each in answers}
    assert re.fullmatch("Tiny.random, sha256 [0-9a-f]{12}", model)
    assert {len(each["top"]) for each in answers} == {2}
    found = document(*words)
    assert (found["photos"], found["before"], found["failed"]) == (0, 4, 0)
    (folder / "broken.png").write_text("no photo")
    for _ in range(2):
        result = call(*words, "--json", code=1)
        assert "broken.png" in result.stderr
        found = json.loads(result.stdout)
        assert (found["photos"], found["before"], found["failed"]) == (1, 4, 1)


def test_batches_are_of_files_alone(refusal: Callable[..., str], photo: Path) -> None:
    assert "--batch-size is of --out" in refusal("predict", photo, "--batch-size", 2, code=2)
