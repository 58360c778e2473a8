from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
