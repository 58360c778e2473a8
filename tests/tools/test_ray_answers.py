"""Answers by Ray Data are those of the plain path; the cluster: two processors of this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import click
import pyarrow.parquet
import pytest
from click.testing import Result

from bnas import zoo
from bnas.tools import ray_answers
from bnas.tools.ray_answers import classify_on_ray
from bnas.zoo.answering import AnsweringOptions

# Ray Data sets options of its own that it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")


@pytest.fixture
def photos(tmp_path: Path, photo_folders: Callable[..., Path], photo: Path) -> Path:
    """Thirteen photos, one of them with a name that is no text, and a file that is none."""
    folder = photo_folders(tmp_path / "photos", 6, "a", "b")
    shutil.copy(photo, os.fsencode(folder) + b"/\xff.jpg")
    (folder / "broken.jpg").write_text("no photo")
    return folder


@pytest.mark.usefixtures("ray_cluster")
def test_answers_are_those_of_this_machine_and_gone_on_with(
    call: Callable[..., Result],
    tiny_weights: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("predict", "--weights", tiny_weights, "--batch-size", 2, "--json")
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    plain = call(*words, "photos", "--out", here, code=1)
    call(*words, "photos/b", "--out", there)
    result = call(*words, "photos", "--out", there, "--engine", "ray", code=1)
    found = json.loads(result.stdout)
    assert (found["photos"], found["before"], found["failed"]) == (8, 6, 1)
    assert plain.stderr.splitlines()[-1] == result.stderr.splitlines()[-1]
    assert "'photos/broken.jpg'" in plain.stderr
    expected, answers = (
        sorted(pyarrow.parquet.read_table(out).to_pylist(), key=lambda row: str(row["path"]))
        for out in (here, there)
    )
    assert len(answers) == 13
    assert answers == expected


@pytest.mark.usefixtures("ray_cluster")
def test_what_fails_there_is_told_in_one_line(tiny_network: zoo.PackedNetwork, photo: Path) -> None:
    tiny = attrs.evolve(tiny_network.preprocessing, size=2, resize=2)
    card = attrs.evolve(tiny_network.card, preprocessing=tiny)
    network = zoo.PackedNetwork(tiny_network.spec, tiny_network.parameters, card)
    classify = classify_on_ray(network, "Tiny", AnsweringOptions())
    with pytest.raises(click.ClickException, match=r"Ray could not .*images of 2x2 pixels") as seen:
        list(classify({"photo": photo}))
    assert "\n" not in seen.value.message


def test_nothing_begins_where_all_photos_have_answers(
    call: Callable[..., Result],
    tiny_weights: Path,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def join_cluster() -> Any:
        raise AssertionError("Ray was begun")

    monkeypatch.setattr(ray_answers, "join_cluster", join_cluster)
    words = ("predict", photo, "--weights", tiny_weights, "--out", tmp_path / "answers.jsonl")
    call(*words)
    call(*words, "--engine", "ray")


def test_without_ray_data_it_is_said_how_to_get_it(
    refusal: Callable[..., str], tiny_weights: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("predict", photo, "--weights", tiny_weights, "--engine", "ray")
    assert "--engine ray is of --out" in refusal(*words, code=2)
    found = importlib.util.find_spec

    def find(name: str, *rest: Any) -> Any:
        return None if name == "ray.data" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    message = refusal(*words, "--out", "answers.jsonl")
    assert "needs Ray Data: pip install 'bnas-tools[ray]'" in message
