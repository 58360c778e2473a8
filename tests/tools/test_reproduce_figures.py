"""Figures 1 to 3: what the cells are said to hold, read off their graphs."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bnas import cells
from bnas.tools.reproduce import Context, load_scale
from bnas.tools.reproduce.cell_facts import facts_of
from bnas.tools.reproduce.cell_figures import fig1, fig2, fig3


def test_a_block_of_a_residual_network() -> None:
    xnor = facts_of(cells.spec("XNOR-ResNet-18"), "block")
    assert (xnor.kernels, xnor.inter_skips, xnor.edges) == (("3x3", "3x3"), 1, 0)


def test_the_cells_of_bnas() -> None:
    normal = facts_of(cells.spec("BNAS-A"), "normal")
    assert sorted(normal.kernels) == ["3x3", "3x3 dilation 2"]
    assert (normal.edges, normal.zeroise, normal.inter_skips, normal.intra_skips) == (8, 6, 1, 0)
    reduction = facts_of(cells.spec("BNAS-A"), "reduction", reduction=True)
    assert (reduction.kernels, reduction.zeroise, reduction.max_pools) == ((), 6, (0, 0))
    dense = facts_of(cells.spec("BNAS-D"), "normal")
    assert (len(dense.kernels), dense.zeroise) == (8, 0)


@pytest.mark.parametrize(("skip", "count"), [("none", 0), ("previous", 1), ("both", 2)])
def test_skips_around_a_cell_are_counted(skip: str, count: int) -> None:
    assert facts_of(cells.spec("BNAS-A", skip=skip), "cell").inter_skips == count


def test_the_cells_of_darts() -> None:
    normal = facts_of(cells.spec("DARTS-V2"), "normal")
    # Five separable convolutions twice and a dilated one once: a depthwise and a 1x1 each.
    assert (normal.separable, len(normal.kernels), normal.kernels.count("1x1")) == (6, 22, 11)
    assert normal.kernels.count("3x3 dilation 2 depthwise") == 1
    assert (normal.intra_skips, normal.inter_skips, normal.zeroise) == (2, 0, 0)
    reduction = facts_of(cells.spec("DARTS-V2"), "reduction", reduction=True)
    assert (reduction.intra_skips, reduction.max_pools) == (3, (0, 1, 1, 0, 1))


def test_grouped_kernels_are_named() -> None:
    kernels = facts_of(cells.spec("BATS-style"), "normal").kernels
    assert set(kernels) >= {"3x3 in 12 groups", "5x5 in 12 groups"}


def test_the_figures_are_drawn_and_their_claims_hold(tmp_path: Path) -> None:
    context = Context(scale=load_scale("quick"), out_dir=tmp_path)
    for make in (fig1, fig2, fig3):
        section = make(context)
        assert section.verdict == "reproduced", section.finding
        assert [part.file for part in section.parts if hasattr(part, "file")] == [
            f"{section.target}.svg"
        ]
        assert (tmp_path / f"{section.target}.svg").read_bytes().startswith(b"<?xml")
        with Image.open(tmp_path / f"{section.target}.png") as picture:
            assert picture.width > 500
    assert "as drawn" in str(fig2(context).tables[0].rows)
    assert "as drawn" not in str(fig3(context).tables[0].rows)
