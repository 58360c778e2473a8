from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bnas import zoo
from bnas.tools.main import main
from bnas.zoo.evaluate import evaluate


def test_json_is_what_the_zoo_measures(
    document: Callable[..., Any],
    tiny_network: zoo.PackedNetwork,
    tiny_weights: Path,
    photo_folders: Callable[..., Path],
    tmp_path: Path,
) -> None:
    data = photo_folders(tmp_path / "data", 5, "bird", "ship", "cat")
    found = document("evaluate", tiny_weights, "--data", data, "--batch-size", 4)
    expected = evaluate(tiny_network, data)
    assert (found["model"], found["data"]) == ("Tiny.random", str(data))
    assert (found["images"], found["top1"], found["top5"]) == (15, expected.top1, expected.top5)
    assert found["images_per_s"] > 0
    assert document("evaluate", tiny_weights, "--data", data, "--limit", 7)["images"] == 7


def test_table_and_progress_are_apart(
    tiny_weights: Path, photo_folders: Callable[..., Path], tmp_path: Path
) -> None:
    data = photo_folders(tmp_path / "data", 2, "bird", "ship")
    runner = CliRunner(env={"FORCE_COLOR": "1"})  # rich then takes stderr for a terminal
    result = runner.invoke(main, ["evaluate", str(tiny_weights), "--data", str(data)])
    assert result.exit_code == 0
    assert "images/s" in result.stderr
    assert "4/4" in result.stderr
    assert "top-1" in result.stdout
    assert "ETA" not in result.stdout


def test_no_progress_without_a_terminal(
    call: Callable[..., Result],
    tiny_weights: Path,
    photo_folders: Callable[..., Path],
    tmp_path: Path,
) -> None:
    data = photo_folders(tmp_path / "data", 1, "bird", "ship")
    assert call("evaluate", tiny_weights, "--data", data).stderr == ""


def test_wrong_directories_and_photos_are_named(
    refusal: Callable[..., str],
    tiny_weights: Path,
    photo_folders: Callable[..., Path],
    tmp_path: Path,
) -> None:
    assert "does not exist" in refusal("evaluate", tiny_weights, "--data", tmp_path / "none")
    assert "'unicorn'" in refusal(
        "evaluate", tiny_weights, "--data", photo_folders(tmp_path / "a", 1, "bird", "unicorn")
    )
    data = photo_folders(tmp_path / "b", 1, "bird")
    (data / "bird" / "0.png").write_text("no photo")
    assert "0.png" in refusal("evaluate", tiny_weights, "--data", data)
    assert "--data" in refusal("evaluate", tiny_weights, code=2)


def test_torch_answers_too_and_answers_are_kept_apart(
    document: Callable[..., Any],
    refusal: Callable[..., str],
    tiny_weights: Path,
    photo_folders: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, out = photo_folders(tmp_path / "data", 4, "bird", "ship"), tmp_path / "answers.jsonl"
    words = ("evaluate", tiny_weights, "--data", data, "--out", out)
    packed = document(*words)
    again = document(*words)
    assert (packed["engine"], packed["before"], again["before"]) == ("packed", 0, 8)
    assert {name: packed[name] for name in ("images", "top1", "top5", "confused")} == {
        name: again[name] for name in ("images", "top1", "top5", "confused")
    }
    assert again["images_per_s"] is None
    wrong = sum(each["images"] for each in packed["confused"])
    assert packed["top1"] == 100 * (8 - wrong) / 8
    assert "not of Tiny.random, sha256" in refusal(*words, "--engine", "torch")
    monkeypatch.delattr(zoo.PackedNetwork, "__call__")
    torch = document(*words[:4], "--engine", "torch")
    assert (torch["engine"], torch["top5"]) == ("torch", packed["top5"])


def test_the_picture_is_drawn_in_the_end(
    call: Callable[..., Result],
    refusal: Callable[..., str],
    tiny_weights: Path,
    photo_folders: Callable[..., Path],
    tmp_path: Path,
) -> None:
    data, picture = photo_folders(tmp_path / "data", 2, "bird", "ship"), tmp_path / "matrix.svg"
    words = ("evaluate", tiny_weights, "--data", data, "--confusion")
    told = call(*words, picture, "--out", tmp_path / "answers.jsonl").stdout
    assert str(picture) in told
    assert "Most confused" in picture.read_text(encoding="utf-8")
    assert "`--confusion` must end in" in refusal(*words, tmp_path / "matrix.txt")
    assert "no such folder" in refusal(*words, tmp_path / "none" / "matrix.svg")


def test_places_for_answers_that_will_not_do(
    refusal: Callable[..., str],
    tiny_weights: Path,
    photo_folders: Callable[..., Path],
    tmp_path: Path,
) -> None:
    data = photo_folders(tmp_path / "data", 1, "bird")
    words = ("evaluate", tiny_weights, "--data", data, "--out")
    assert "ends in .jsonl or .parquet" in refusal(*words, tmp_path / "answers.csv")
    assert "cannot write to" in refusal(*words, data / "bird" / "0.png" / "all.jsonl")


@pytest.mark.parametrize(("rank", "processes"), [("2", "2"), ("-1", "2"), ("0", "two")])
def test_ranks_that_cannot_be_are_refused(
    refusal: Callable[..., str],
    tiny_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rank: str,
    processes: str,
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", processes)
    message = refusal("evaluate", tiny_weights, "--data", tmp_path)
    assert f"RANK={rank!r}, WORLD_SIZE={processes!r}" in message


def test_two_processes_give_the_figures_of_one(
    document: Callable[..., Any],
    refusal: Callable[..., str],
    tiny_weights: Path,
    photo_folders: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the environment that torchrun gives them; one of them is this process."""
    data, out = photo_folders(tmp_path / "data", 7, "bird", "ship", "cat"), tmp_path / "all.jsonl"
    words = ("evaluate", tiny_weights, "--data", data)
    alone = document(*words)
    own = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert "--out FILE" in refusal(*words, code=2)
    environment = {**os.environ, "RANK": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "bnas.tools.main", *map(str, words), "--out", str(out)]
    with subprocess.Popen(
        [*command, "--json"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as other:
        monkeypatch.setenv("RANK", "0")
        together = document(*words, "--out", out)
        assert (other.communicate()[0], other.returncode) == (b"", 0)
    for name in ("model", "images", "top1", "top5", "confused"):
        assert together[name] == alone[name]
    answered = [json.loads(line)["path"] for line in out.read_text().splitlines()]
    assert sorted(answered) == sorted(map(str, data.rglob("*.png")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.jsonl", "data"]
