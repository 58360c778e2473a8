"""`bnas-tools search`: what it writes, what it says, how one goes on from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from bnas import cells, search
from bnas.tools.main import main

RECIPE = "epochs = 2\nbatch_size = 4\ncells = 3\nchannels = 2\ncrop_padding = 1\n"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def plan(tmp_path: Path, photo_folders: Callable[..., Path]) -> dict[str, Path]:
    photo_folders(tmp_path / "data" / "train", 8, "blue", "green", "red")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    return {"--data": tmp_path / "data", "--recipe": recipe, "--out": tmp_path / "out"}


def arguments(plan: dict[str, Path]) -> list[str]:
    return ["search", *(str(part) for pair in plan.items() for part in pair)]


def test_it_leaves_cells_and_a_report(document: Callable[..., Any], plan: dict[str, Path]) -> None:
    found = document(*arguments(plan))
    assert found["completed"] and not found["demonstration"]
    assert found["epochs"] == 2
    for gamma in ("1", "3"):
        text = (plan["--out"] / f"genotype-gamma{gamma}.json").read_text()
        assert json.loads(text) == found["genotypes"][gamma]
    assert Path(found["report"]).is_file()
    assert "demonstration" not in Path(found["report"]).read_text(encoding="utf-8")
    assert len(found["history"][0]["normal"]) == 14


def test_lines_tell_losses_entropy_shares_and_zeroise(
    call: Callable[..., Result], plan: dict[str, Path]
) -> None:
    result = call(*arguments(plan))
    lines = [line for line in result.stderr.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    for word in ("loss", "top-1", "entropy", "Zeroise on", "of 28 edges", "strongest", "images/s"):
        assert word in lines[0]
    assert "left" in lines[0]
    assert "bnas-tools train --genotype" in result.stdout
    assert "report.html" in result.stdout


def test_the_bar_shows_them_too(plan: dict[str, Path]) -> None:
    result = CliRunner(env={"FORCE_COLOR": "1", "COLUMNS": "160"}).invoke(
        main, [*arguments(plan), "--json"]
    )
    assert result.exit_code == 0
    for word in ("loss", "entropy", "Zeroise", "ETA", "epoch 2/2"):
        assert word in result.stderr
    assert result.stdout.startswith("{")


def test_switches_change_the_recipe(document: Callable[..., Any], plan: dict[str, Path]) -> None:
    document(
        *arguments(plan),
        *("--seed", 7, "--order", 2, "--no-zeroise", "--no-skip", "--set", "entropy_weight=0"),
        *("--time-limit", "0"),
    )
    state = search.load_checkpoint(plan["--out"] / "checkpoint.pt")
    recipe = state["identity"]["recipe"]
    assert (recipe["seed"], recipe["order"], recipe["entropy_weight"]) == (7, 2, 0)
    assert (recipe["zeroise"], recipe["skip"]) == (False, "none")


def test_it_goes_on_where_it_stopped_and_refuses_another_search(
    document: Callable[..., Any], refusal: Callable[..., str], plan: dict[str, Path]
) -> None:
    stopped = document(*arguments(plan), "--time-limit", "0")
    assert not stopped["completed"]
    message = refusal(*arguments(plan), "--no-zeroise")
    assert "another configuration" in message
    assert "recipe.zeroise: true in the checkpoint, false now" in message
    assert document(*arguments(plan))["completed"]


def test_mistakes_are_one_line(
    refusal: Callable[..., str], plan: dict[str, Path], tmp_path: Path
) -> None:
    assert "did you mean 'entropy_weight'" in refusal(*arguments(plan), "--set", "entropy_wieght=1")
    assert "paper-search" in refusal(*arguments({**plan, "--recipe": Path("paper-serach")}))
    assert str(tmp_path / "none") in refusal(*arguments({**plan, "--data": tmp_path / "none"}))
    assert "batch_size" in refusal(*arguments(plan), "--set", "batch_size=13")
    assert "FIELD=VALUE" in refusal(*arguments(plan), "--set", "seed")
    assert "--device" in refusal(*arguments(plan), "--device", "quantum")
    refusal(*arguments(plan), "--order", "3", code=2)
    refusal("search", code=2)


def test_without_bnas_search_it_says_what_to_install(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch, plan: dict[str, Path]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {"bnas.search": None}.__getitem__)
    assert refusal(*arguments(plan)) == (
        "`bnas-tools search` needs bnas-search: pip install 'bnas-tools[search]'"
    )


def test_ctrl_c_says_from_where_it_goes_on(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch, plan: dict[str, Path]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bnas.search.search_cells", interrupt)
    assert "interrupted" in refusal(*arguments(plan), code=130)


def test_a_demonstration_says_so_and_a_network_of_its_cells_is_trained_packed_and_used(
    document: Callable[..., Any], call: Callable[..., Result], tmp_path: Path
) -> None:
    """From nothing to a prediction: search, train, pack, predict."""
    out, run, packed = tmp_path / "out", tmp_path / "run", tmp_path / "cells.safetensors"
    small = ("--set", "epochs=1", "--set", "batch_size=60", "--set", "cells=3")
    said = call("search", "--out", out, *small)
    assert "demonstration" in said.stderr
    assert "bnas-tools search --data DIR" in said.stderr
    assert "demonstration" in (out / "report.html").read_text(encoding="utf-8")
    recipe = tmp_path / "short.toml"
    recipe.write_text("epochs = 1\nbatch_size = 60\nresolutions = [[1.0, 16]]\n")
    trained = document(
        *("train", "--genotype", out / "genotype-gamma3.json", "--cells", 3, "--channels", 4),
        *("--data", out / "sample", "--recipe", recipe, "--out", run),
    )
    assert trained["completed"]
    spec = cells.spec_from_json(search.load_checkpoint(run / "final.pt")["spec"])
    genotype = cells.Genotype.from_json((out / "genotype-gamma3.json").read_text())
    assert (spec.genotype, spec.num_cells, spec.channels) == (genotype, 3, 4)
    call("pack", run / "final.pt", "-o", packed)
    photo = out / "sample" / "train" / "cat" / "0000.jpg"
    answer = document("predict", photo, "--weights", packed)
    classes = search.read_images(out / "sample" / "train").classes
    assert answer["predictions"][0]["top"][0]["label"] in classes
