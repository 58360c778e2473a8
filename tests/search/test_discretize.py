from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bnas import cells, search

OPS = list(cells.PRIMITIVES)
seeds = st.integers(0, 2**32 - 1)


def logits(seed: int) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    return source.normal(size=(14, 7)), source.normal(size=(14, 7))


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("gamma", [1, 3])
@pytest.mark.parametrize("rule", ["paper", "official"])
def test_golden_genotypes(
    case: int, gamma: int, rule: str, golden_json: Callable[[str], Any]
) -> None:
    record = golden_json("discretize_entropy")["cases"][case]
    found = search.discretize(
        record["alphas_normal"],
        record["alphas_reduce"],
        zeroise_gamma=gamma,
        official_quirks=rule == "official",
    )
    expected = record[f"{rule}_gamma{gamma}"]
    assert found.to_dict() == {"concat": [2, 3, 4, 5], **expected}


@pytest.mark.parametrize("case", range(4))
def test_golden_entropies(case: int, golden_json: Callable[[str], Any]) -> None:
    record = golden_json("discretize_entropy")["cases"][case]
    both = record["alphas_normal"], record["alphas_reduce"]
    assert search.mean_entropy(*both) == pytest.approx(record["entropy_paper"], abs=1e-9)
    official = search.mean_entropy(*both, official_quirks=True)
    assert official == pytest.approx(record["entropy_official"], abs=1e-9)


@pytest.mark.parametrize("quirks", [False, True])
def test_entropy_of_uniform_and_of_decided_edges(quirks: bool) -> None:
    uniform = np.zeros((14, 7))
    assert search.mean_entropy(uniform, uniform, quirks) == pytest.approx(math.log(7))
    decided = np.eye(7)[np.arange(14) % 7] * 1e4
    assert search.mean_entropy(decided, decided, quirks) == 0
    assert search.mean_entropy(uniform, decided, quirks) == pytest.approx(math.log(7) / 2)


def test_ties_go_to_the_lower_index() -> None:
    zeros = np.zeros((14, 7))
    expected = (("none", 0), ("none", 1)) * 4
    assert search.discretize(zeros, zeros).normal == expected
    # The same logits in another order have the same probabilities.
    row = np.array([0.3, 0.1, 0.7, -2.0, 0.9, 0.2, 0.4])
    shuffled = np.stack([np.roll(row, edge) for edge in range(14)])
    sources = [source for _, source in search.discretize(shuffled, zeros).normal]
    assert sources == [0, 1] * 4


def test_the_more_probable_edge_comes_first() -> None:
    normal = np.zeros((14, 7))
    normal[9 + 4, OPS.index("bin_conv_3x3")] = 5.0
    normal[9 + 2, OPS.index("bin_conv_5x5")] = 4.0
    genotype = search.discretize(normal, np.zeros((14, 7)))
    assert genotype.normal[6:] == (("bin_conv_3x3", 4), ("bin_conv_5x5", 2))


@given(seed=seeds)
def test_a_large_gamma_leaves_no_zeroise(seed: int) -> None:
    genotype = search.discretize(*logits(seed), zeroise_gamma=1e9)
    assert "none" not in {op for op, _ in genotype.normal + genotype.reduce}


@given(seed=seeds)
def test_a_small_gamma_leaves_nothing_else(seed: int) -> None:
    genotype = search.discretize(*logits(seed), zeroise_gamma=1e-9)
    assert {op for op, _ in genotype.normal + genotype.reduce} == {"none"}


@given(seed=seeds, shift=st.floats(-50, 50), gamma=st.floats(0.2, 5))
def test_a_shift_of_a_row_changes_nothing(seed: int, shift: float, gamma: float) -> None:
    normal, reduce = logits(seed)
    shifted = normal + shift * np.arange(14)[:, None]
    assert search.discretize(normal, reduce, gamma) == search.discretize(shifted, reduce, gamma)
    before, after = search.mean_entropy(normal, reduce), search.mean_entropy(shifted, reduce)
    assert before == pytest.approx(after, abs=1e-9)


@given(seed=seeds)
def test_the_cells_are_independent(seed: int) -> None:
    normal, reduce = logits(seed)
    there, back = search.discretize(normal, reduce, 2.0), search.discretize(reduce, normal, 2.0)
    assert (there.normal, there.reduce) == (back.reduce, back.normal)


def test_numpy_and_torch_agree() -> None:
    normal, reduce = logits(0)
    tensors = torch.tensor(normal, requires_grad=True), torch.tensor(reduce)
    assert search.discretize(*tensors) == search.discretize(normal, reduce)
    assert search.mean_entropy(*tensors) == search.mean_entropy(normal, reduce)


def test_inputs_stay_as_they_are() -> None:
    normal, reduce = logits(1)
    normal.setflags(write=False)
    kept = reduce.copy()
    search.discretize(normal, reduce, 3.0, official_quirks=True)
    assert np.array_equal(reduce, kept)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_named(bad: float) -> None:
    normal, reduce = logits(2)
    reduce[3, 5] = bad
    for use in (search.discretize, search.mean_entropy):
        with pytest.raises(search.ArchParamsError, match=r"`reduce`.*\[3, 5\]"):
            use(normal, reduce)


@pytest.mark.parametrize(
    "bad", [np.zeros((7, 14)), np.zeros((14, 6)), np.zeros(14), np.zeros((14, 7, 1)), "x", None]
)
def test_other_shapes_are_refused(bad: Any) -> None:
    good = np.zeros((14, 7))
    for use in (search.discretize, search.mean_entropy):
        with pytest.raises(search.ArchParamsError, match=r"`normal` must .*\(14, 7\)"):
            use(bad, good)


@pytest.mark.parametrize("gamma", [0, -1.0, float("nan"), float("inf"), "3", True, None])
def test_gamma_must_be_positive(gamma: Any) -> None:
    with pytest.raises(search.ArchParamsError, match="`zeroise_gamma` must be a finite number > 0"):
        search.discretize(*logits(3), zeroise_gamma=gamma)
