from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from PIL import Image

from bnas import cells


def texts(picture: Path) -> str:
    return " ".join(ElementTree.parse(picture).getroot().itertext())


def test_svg_of_a_network_shows_both_cells(call: Callable[..., Result], tmp_path: Path) -> None:
    picture = tmp_path / "a.svg"
    assert str(picture) in call("draw", "BNAS-A", "-o", picture).stdout
    assert "BNAS-A" in texts(picture)
    assert "Normal cell" in texts(picture)
    assert "Reduction cell" in texts(picture)


def test_one_cell_or_both_and_pruned_are_different_pictures(
    document: Callable[..., Any], tmp_path: Path
) -> None:
    pictures = set()
    for place, options in enumerate(
        (["--normal"], ["--reduction"], ["--both"], ["--both", "--pruned"])
    ):
        path = tmp_path / f"{place}.svg"
        found = document("draw", "BNAS-A", "-o", path, *options)
        assert found == {
            "path": str(path),
            "cells": options[0].removeprefix("--"),
            "pruned": "--pruned" in options,
        }
        pictures.add(path.read_bytes())
    assert len(pictures) == 4


def test_png_of_a_genotype_s_file(call: Callable[..., Result], tmp_path: Path) -> None:
    file, picture = tmp_path / "cells.json", tmp_path / "cells.png"
    file.write_text(cells.genotypes["bnas-imagenet"].to_json())
    call("draw", file, "-o", picture)
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert min(image.size) > 500


def test_a_specification_s_file_and_the_name_give_the_same_picture(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "net.json").write_text(cells.spec("BNAS-E").to_json())
    call("draw", tmp_path / "net.json", "-o", tmp_path / "file.svg", "--reduction")
    call("draw", "BNAS-E", "-o", tmp_path / "name.svg", "--reduction")
    assert (tmp_path / "file.svg").read_bytes() == (tmp_path / "name.svg").read_bytes()


def test_a_genotype_has_a_name_too(call: Callable[..., Result], tmp_path: Path) -> None:
    call("draw", "bnas-cifar10", "-o", tmp_path / "x.svg", "--normal")
    assert "bnas-cifar10" in texts(tmp_path / "x.svg")
    call("draw", "bnas-imagenet", "-o", tmp_path / "x.svg")
    assert "bnas-imagenet, stacked as in BNAS-Mini" in texts(tmp_path / "x.svg")


@pytest.mark.parametrize(
    ("normal", "told"),
    [
        ([["none", 1], ["bin_konv_3x3", 0]], "unknown primitive 'bin_konv_3x3'; did you mean"),
        ([["none", 1], ["bin_conv_3x3", 2]], "must come from a state before node 2"),
        ([["none", 1]], "a node is missing or incomplete"),
    ],
)
def test_malformed_cells_are_refused(
    refusal: Callable[..., str], tmp_path: Path, normal: list[list[object]], told: str
) -> None:
    file, picture = tmp_path / "cells.json", tmp_path / "x.svg"
    reduce = [["none", 1], ["none", 0]]
    file.write_text(json.dumps({"normal": normal, "reduce": reduce, "concat": [2]}))
    message = refusal("draw", file, "-o", picture)
    assert told in message
    assert message.startswith(repr(str(file)))
    assert not picture.exists()


def test_pictures_of_another_kind_are_refused(refusal: Callable[..., str], tmp_path: Path) -> None:
    assert ".svg, .png" in refusal("draw", "BNAS-A", "-o", tmp_path / "x.gif")
    assert "-o" in refusal("draw", "BNAS-A", code=2)


def test_unknown_names_list_networks_and_genotypes(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    message = refusal("draw", "bnas-cifar", "-o", tmp_path / "x.svg")
    assert "'bnas-cifar10'" in message


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("DARTS-V2", ["skip connect", "separable conv, d=2", "Reduction cell"]),
        ("BATS-style", ["conv, d=2, 12 groups", "no inter-cell skips"]),
        ("XNOR-ResNet-18", ["3×3 binary conv", "Down-sampling block", "1×1 real conv /2"]),
        ("Bi-Real-18", ["2×2 average pool /2", "1×1 real conv"]),
    ],
)
def test_the_baselines_have_pictures_too(
    call: Callable[..., Result], tmp_path: Path, name: str, shown: list[str]
) -> None:
    call("draw", name, "-o", tmp_path / "x.svg")
    said = texts(tmp_path / "x.svg")
    assert all(text in said for text in [name, *shown]), said


def test_several_networks_are_drawn_on_one_page(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    file, picture = tmp_path / "mine.json", tmp_path / "x.svg"
    wiring = {"normal": [["none", 1], ["none", 0]], "reduce": [["none", 1]] * 2, "concat": [2]}
    file.write_text(json.dumps(wiring))
    call("draw", "bnas-cifar10", "DARTS-V2", file, "-o", picture, "--normal")
    said = texts(picture)
    for title in ("bnas-cifar10", "DARTS-V2", "mine.json"):
        assert f"{title}: normal cell" in said
    assert "reduction cell" not in said
    call("draw", "DARTS-V2", "Bi-Real-18", "-o", picture)
    said = texts(picture)
    assert "(b) DARTS-V2: reduction cell" in said
    assert "(d) Bi-Real-18: down-sampling block" in said


def test_skips_can_be_chosen_where_there_is_a_choice(
    call: Callable[..., Result], refusal: Callable[..., str], tmp_path: Path
) -> None:
    def has_both(*arguments: str) -> bool:
        call("draw", *arguments, "-o", tmp_path / "x.svg")
        content = (tmp_path / "x.svg").read_text(encoding="utf-8")
        return "c(k-2) (skip connection)" in content

    assert not has_both("BNAS-A")
    assert has_both("BNAS-A", "--skip", "both")
    assert "BNAS-A" in texts(tmp_path / "x.svg")
    assert has_both("bnas-cifar10", "--normal", "--skip", "both")
    assert has_both("bnas-cifar10", "--skip", "both")
    assert has_both("BNAS-A", "DARTS-V2", "--skip", "both")
    told = refusal(
        "draw", "DARTS-V2", "Bi-Real-18", "-o", tmp_path / "y.svg", "--skip", "both", code=2
    )
    assert "`--skip` is a choice of BNAS's cells" in told
    assert not (tmp_path / "y.svg").exists()


def test_a_network_of_another_kind_has_no_picture(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    told = refusal("draw", "BNAS-A.float", "-o", tmp_path / "cell.svg")
    assert "a network of another kind has no such picture" in told
    assert not list(tmp_path.iterdir())
