"""What architecture parameters stand for, and when they look like a collapse."""

from __future__ import annotations

import math

import pytest

from bnas import cells
from bnas.search import ArchParamsError, discretize, mean_entropy
from bnas.search.architecture.derive import derive, softmax, warnings_of

NAMES = tuple(cells.PRIMITIVES)
WITHOUT_ZEROISE = NAMES[1:]


def leaning(*wanted: str, names: tuple[str, ...] = NAMES, by: float = 3.0) -> list[list[float]]:
    """Return logits (14, P) whose edges lean to the primitives named, in turn."""
    return [
        [by if name == wanted[edge % len(wanted)] else 0.01 * edge for name in names]
        for edge in range(14)
    ]


def test_shares_count_the_strongest_of_28_edges() -> None:
    found = derive(leaning("none"), leaning("bin_conv_3x3", "max_pool_3x3"), NAMES)
    assert found.zeroise_edges == 14
    assert found.strongest["none"] == 0.5
    assert found.strongest["bin_conv_3x3"] == found.strongest["max_pool_3x3"] == 0.25
    assert sum(found.strongest.values()) == 1
    assert sum(found.mean_probability.values()) == pytest.approx(1)


def test_both_genotypes_and_the_entropy_are_those_of_the_package() -> None:
    logits = leaning("none", "bin_conv_3x3", by=0.7), leaning("none", "avg_pool_3x3", by=2.0)
    found = derive(*logits, NAMES)
    for gamma in (1, 3):
        assert found.genotypes[gamma] == discretize(*logits, zeroise_gamma=gamma)
    assert found.genotypes[1] != found.genotypes[3]
    assert found.entropy == mean_entropy(*logits)


def test_a_space_without_zeroise_never_derives_it() -> None:
    logits = leaning("bin_conv_5x5", names=WITHOUT_ZEROISE, by=-9.0)
    found = derive(logits, logits, WITHOUT_ZEROISE)
    for genotype in found.genotypes.values():
        assert "none" not in {name for name, _ in (*genotype.normal, *genotype.reduce)}
    assert found.zeroise_edges == 0
    assert "none" not in found.strongest
    rows = [softmax(row) for row in logits]
    expected = -sum(p * math.log(p) for row in rows for p in row) / 14
    assert found.entropy == pytest.approx(expected, rel=1e-12)


def test_another_number_of_edges_is_refused() -> None:
    with pytest.raises(ArchParamsError, match="14"):
        derive(leaning("none")[:5], leaning("none"), NAMES)


def test_a_cell_of_nothing_but_zeroise_is_a_warning() -> None:
    found = derive(leaning("bin_conv_3x3"), leaning("none"), NAMES)
    said = warnings_of(found, 9, 10)
    assert any("reduction cell are Zeroise (zeroise_gamma 1)" in each for each in said)
    assert not any("normal cell are Zeroise" in each for each in said)


def test_one_primitive_nearly_everywhere_is_a_warning() -> None:
    found = derive(leaning("max_pool_3x3"), leaning("max_pool_3x3"), NAMES)
    assert any("max_pool_3x3 is the strongest" in each for each in warnings_of(found, 9, 10))


def test_an_entropy_near_0_is_a_warning_early_only() -> None:
    decided = leaning("bin_conv_3x3", "max_pool_3x3", "avg_pool_3x3", by=30.0)
    found = derive(decided, decided, NAMES)
    assert any("entropy" in each for each in warnings_of(found, 1, 10))
    assert warnings_of(found, 9, 10) == []


def test_a_healthy_search_has_no_warning() -> None:
    logits = leaning("none", "bin_conv_3x3", "max_pool_3x3", by=1.0)
    assert warnings_of(derive(logits, logits, NAMES), 1, 10) == []
